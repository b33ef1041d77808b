#!/bin/sh
# The quickstart against the real API: tools/real.sh PULUMI up|destroy [OPTION...]. pulumi shows the plan and asks before
# it acts. State stays in .state, which nothing here deletes.
set -eu
cd "$(dirname "$0")/.."
pulumi=$1
verb=$2
shift 2
if [ -z "${CORTECS_CLIENT_ID:-}" ] || [ -z "${CORTECS_CLIENT_SECRET:-}" ]; then
    echo "make $verb: set CORTECS_CLIENT_ID and CORTECS_CLIENT_SECRET first (make demo needs neither)" >&2
    exit 1
fi
PATH="$PWD/.venv/bin:$(dirname "$pulumi"):$PATH"
export PATH
if [ -z "${PULUMI_BACKEND_URL:-}" ]; then
    mkdir -p .state
    # without the files beside the state files, of which a kill may leave half a one
    export PULUMI_BACKEND_URL="file://$PWD/.state?metadata=skip"
fi
export PULUMI_CONFIG_PASSPHRASE="${PULUMI_CONFIG_PASSPHRASE-}"
export PULUMI_SKIP_UPDATE_CHECK=true PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
"$pulumi" stack select --create quickstart >/dev/null
exec "$pulumi" "$verb" --stack quickstart --refresh "$@"
