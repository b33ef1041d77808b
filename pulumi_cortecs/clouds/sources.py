"""Where credentials can come from, by name. States keep what a Provider was given under these keys, so that none of
them may ever be renamed. Light on purpose: programs import it."""

from __future__ import annotations

from typing import Final

CLIENT_ID: Final = "cortecs:clientId"
CLIENT_SECRET: Final = "cortecs:clientSecret"
BASE_URL: Final = "cortecs:apiBaseUrl"

SOURCE: Final = "cortecs:provider:source"
"""Says that there is an explicit Provider, and which kind of one.

No stack's config can say so: a key of three parts is none to the engine. Otherwise whoever can edit the config file
could choose which of the environment's variables are sent, and where to.
"""

ARGUMENTS: Final = "arguments"
"""The Provider was given the credentials themselves."""

ENVIRONMENT: Final = "environment"
"""The Provider was given the names of environment variables."""

VARIABLES: Final = {
    CLIENT_ID: "cortecs:provider:clientId",
    CLIENT_SECRET: "cortecs:provider:clientSecret",
    BASE_URL: "cortecs:provider:apiBaseUrl",
}
"""Under which key the name of the variable is, for each of the three."""

IN_ENVIRONMENT: Final = {
    CLIENT_ID: "CORTECS_CLIENT_ID",
    CLIENT_SECRET: "CORTECS_CLIENT_SECRET",
    BASE_URL: "CORTECS_API_BASE_URL",
}
"""The variables that count where no Provider names others."""

ALL_KEYS: Final = (CLIENT_ID, CLIENT_SECRET, BASE_URL, SOURCE, *VARIABLES.values())
"""All that a provider process may be told about its account."""
