"""The identity of the state backend that an engine uses: stable, and without a secret.

Two stacks may have the same names in two backends. Their purchases must not mix. One backend has one identity for all
users, however its URL is spelled: passwords and tokens change, and folders are moved.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

MARK: Final = ".pulumi-cortecs.json"
"""The file in the folder of a file backend that holds its identity, and where the folder was last seen."""
_PULUMI_CLOUD: Final = "https://api.pulumi.com"
_FILE: Final = "file://"
_PROJECT_FILES: Final = ("Pulumi.yaml", "Pulumi.yml")
_DIGITS: Final = 32
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "postgres": 5432, "postgresql": 5432}
_SCHEME_ALIASES: Final = {"postgresql": "postgres"}

# An option names the place when another value of it means another state. The others say how to get there, with which
# rights, or how fast: region, profile, awssdk, s3ForcePathStyle, disableSSL, kmskeyid, sslmode, connect_timeout, a
# token. Options that are not listed do not count: a token under a new name must not change the identity.
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    # a bucket's name is unique at one endpoint, not in the world; below `prefix` is a backend of its own
    "s3": ("endpoint", "prefix"),
    "gs": ("prefix",),
    # a container's name is unique in an account, and the account in a domain
    "azblob": ("storage_account", "domain", "prefix"),
    # the rest of an address may stand in options, and a schema or a table is a backend of its own
    "postgres": ("host", "port", "dbname", "search_path", "table"),
}
# the same, where the URL leaves it to the environment
_PLACE_VARIABLES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "s3": {"endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")},
    "gs": {"endpoint": ("STORAGE_EMULATOR_HOST",)},
    "azblob": {"storage_account": ("AZURE_STORAGE_ACCOUNT",), "domain": ("AZURE_STORAGE_DOMAIN",)},
    "postgres": {"host": ("PGHOST",), "port": ("PGPORT",), "dbname": ("PGDATABASE", "PGUSER")},
}


@dataclass(frozen=True)
class Backend:
    """A backend, of one organization if it is a service. Older records may name it by one of its `former_identities`.
    No other backend has those, but all organizations of a service have them in common."""

    identity: str
    former_identities: tuple[str, ...] = ()


def identify_backend(environment: Mapping[str, str], directory: Path, organization: str = "") -> Backend:
    """The backend that a CLI with that environment uses in that directory. `organization` is that of the stack at a
    service, "" where it is unknown: two of them may have a project and a stack of the same names."""
    url = find_backend_url(environment, directory)
    if (folder := folder_of(url, environment, directory)) is not None:
        return _folder_backend(folder)
    identities = [_digest_of_url(url, environment), _digest_of_url(url, {})]
    if organization and is_service(url):
        identities.insert(0, _digest_of_url(url, environment, f"organization={organization.lower()}"))
    identity, *former = dict.fromkeys(identities)
    return Backend(identity, tuple(former))


def is_service(backend_url: str) -> bool:
    """Returns whether stacks of this backend have an organization: those of Pulumi Cloud, or of one's own service."""
    scheme, separator, _ = backend_url.partition("://")
    return not separator or scheme.lower() in ("http", "https")


def identify_v1_backend(text: str) -> str:
    """The identity of a backend as the first version of the journal recorded it: `file://HOST/FOLDER`, or a URL with
    all that was in it. A folder that does not exist here gets the identity of its path, which stays one of its former
    ones."""
    if not text.startswith(_FILE):
        return _digest_of_url(text, {})
    path = Path("/" + text.removeprefix(_FILE).partition("/")[2])
    return _folder_backend(path).identity


def find_backend_url(environment: Mapping[str, str], directory: Path) -> str:
    """The backend's URL, taken as the CLI takes it: from PULUMI_BACKEND_URL, else from the project file in `directory`
    or above it, else from the last login. It may have a password in it."""
    project = _find_project_file(directory)
    return (
        environment.get("PULUMI_BACKEND_URL")
        or _project_url(project)
        or _login_url(environment)
        or environment.get("PULUMI_API")
        or _PULUMI_CLOUD
    )


def folder_of(url: str, environment: Mapping[str, str], directory: Path) -> Path | None:
    """The folder of a file backend, taken as the CLI takes it; None for another backend."""
    if not url.startswith(_FILE):
        return None
    project = _find_project_file(directory)
    named, _, _options = url.removeprefix(_FILE).partition("?")
    return (project.parent if project else directory) / _expand_home(unquote(named) or ".", environment)


def _expand_home(named: str, environment: Mapping[str, str]) -> Path:
    """The path with the home of that environment, which need not be this process's."""
    home = environment.get("HOME")
    return Path(
        f"{home}{named[1:]}" if home and (named == "~" or named.startswith("~/")) else os.path.expanduser(named)
    )


def _folder_backend(path: Path) -> Backend:
    """The backend of a folder, by the mark in it, which is written if it is missing."""
    try:
        folder = path.resolve()
    except (OSError, RuntimeError, ValueError):  # a ring of links
        folder = path.absolute()
    by_path = _digest("file", str(folder))
    with suppress(OSError, ValueError):
        if folder.is_dir():
            return Backend(f"file-{_ensure_mark(folder)}", (by_path,))
    return Backend(by_path)


def _ensure_mark(folder: Path) -> str:
    """The name in a folder's mark, which is written where there is none. Raises OSError and ValueError."""
    mark = _read_mark(folder)
    if mark is None:
        with suppress(FileExistsError):
            _write_mark(folder, secrets.token_hex(_DIGITS // 2), is_first=True)
        mark = _read_mark(folder)  # of two processes that mark it at once, one is first
        if mark is None:
            raise ValueError(f"{folder / MARK} is not a mark of pulumi-cortecs")
    name, place = mark
    if place == str(folder):
        return name
    if _is_copied(folder, Path(place), name):
        name = secrets.token_hex(_DIGITS // 2)
        _write_mark(folder, name, is_first=False)
    elif not Path(place).is_dir():  # else it is one folder under two names, and need not be written again and again
        with suppress(OSError):  # it keeps its name if it is not writable
            _write_mark(folder, name, is_first=False)
    return name


def _is_copied(folder: Path, place: Path, name: str) -> bool:
    """Returns whether the place that a mark records is another folder, which still has the mark."""
    try:
        first = _read_mark(place)
        return first is not None and first[0] == name and not os.path.samefile(folder, place)
    except (OSError, ValueError):
        return False


def _read_mark(folder: Path) -> tuple[str, str] | None:
    """Name and place in a folder's mark, None where it has none. Raises OSError and ValueError."""
    try:
        mark = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    name, place = _nested_string(mark, "id"), _nested_string(mark, "place")
    if name is None or place is None or len(name) != _DIGITS or not set(name) <= set("0123456789abcdef"):
        raise ValueError(f"{folder / MARK} is not a mark of pulumi-cortecs")
    return name, place


def _write_mark(folder: Path, name: str, *, is_first: bool) -> None:
    """Writes a whole mark, or none. Raises OSError: with `is_first` FileExistsError where there is one."""
    draft = folder / f"{MARK}.{secrets.token_hex(4)}"
    try:
        draft.write_text(json.dumps({"id": name, "place": str(folder)}) + "\n", encoding="utf-8")
        if is_first:
            os.link(draft, folder / MARK)
        else:
            os.replace(draft, folder / MARK)
    finally:
        draft.unlink(missing_ok=True)


def _digest_of_url(url: str, environment: Mapping[str, str], *within: str) -> str:
    """The digest of a backend's place, and of the part `within` it."""
    try:
        parts = urlsplit(url)
        scheme = _SCHEME_ALIASES.get(parts.scheme, parts.scheme)
        return _digest(scheme, *_place(parts, scheme, environment), *within)
    except ValueError:  # no URL that anybody could use; what is before the @ and after the ? may be secret
        return _digest("url", url.rpartition("@")[2].partition("?")[0], *within)


def _place(parts: SplitResult, scheme: str, environment: Mapping[str, str]) -> Iterator[str]:
    named = {key: value for key, value in parse_qsl(parts.query) if key in _PLACES.get(scheme, ())}
    for option, variables in _PLACE_VARIABLES.get(scheme, {}).items():
        if option not in named and not _in_address(parts, option):
            value = next((environment[variable] for variable in variables if environment.get(variable)), "")
            named |= {option: value} if value else {}
    if scheme == "postgres":
        yield from _database(parts, named)
        return
    yield _host(parts, scheme)
    yield unquote(parts.path).strip("/")
    for option, value in sorted(named.items()):
        yield f"{option}={_address(value) if option == 'endpoint' else value.strip('/')}"


def _database(parts: SplitResult, named: Mapping[str, str]) -> Iterator[str]:
    """The parts that identify a database, wherever its address stands: in the URL, in its options or in the
    environment."""
    # without a name of its own, a database is called like its user
    database = named.get("dbname") or unquote(parts.path).strip("/") or unquote(parts.username or "")
    yield (named.get("host") or unquote(parts.hostname or "")).lower()
    yield str(named.get("port") or parts.port or _DEFAULT_PORTS["postgres"])
    yield database
    yield from (f"{option}={named[option]}" for option in ("search_path", "table") if option in named)


def _in_address(parts: SplitResult, option: str) -> bool:
    """Returns whether the address part of a database's URL has that option."""
    address = {"host": parts.hostname, "port": parts.port, "dbname": parts.path.strip("/") or parts.username}
    return bool(address.get(option))


def _host(parts: SplitResult, scheme: str) -> str:
    host = unquote(parts.hostname or "").rstrip(".")
    return host if parts.port in (None, _DEFAULT_PORTS.get(scheme)) else f"{host}:{parts.port}"


def _address(endpoint: str) -> str:
    """An endpoint without its scheme, which does not identify it: "HOST:PORT/PATH"."""
    parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    return f"{_host(parts, parts.scheme)}/{unquote(parts.path).strip('/')}".rstrip("/")


def _digest(scheme: str, *place: str) -> str:
    text = json.dumps([scheme, *place])
    return f"{scheme}-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"


def _find_project_file(directory: Path) -> Path | None:
    candidates = (folder / name for folder in (directory, *directory.parents) for name in _PROJECT_FILES)
    return next((file for file in candidates if file.is_file()), None)


def _project_url(project: Path | None) -> str | None:
    if project is None:
        return None
    import yaml  # most runs name the backend otherwise, and need none

    with suppress(OSError, ValueError, yaml.YAMLError):
        return _nested_string(yaml.safe_load(project.read_text(encoding="utf-8")), "backend", "url")
    return None


def _login_url(environment: Mapping[str, str]) -> str | None:
    named = environment.get("PULUMI_CREDENTIALS_PATH") or environment.get("PULUMI_HOME") or "~/.pulumi"
    home = _expand_home(named, environment)
    with suppress(OSError, ValueError):
        return _nested_string(json.loads((home / "credentials.json").read_text(encoding="utf-8")), "current")
    return None


def _nested_string(value: Any, *keys: str) -> str | None:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None
