"""The proxies and certificates of the environment, for requests to a vendor.

No variable may prevent a deletion, so this module raises nothing: it ignores an unusable value and reports it as a
problem. A purchase is refused while a problem exists, a deletion continues. Requests to this machine use neither.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import certifi
import httpcore
import httpx

from pulumi_cortecs.http.deadline import DeadlineBackend

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PROXIES: Final = ("https_proxy", "all_proxy")  # plain http is allowed to this machine only
_SOCKS: Final = {"socks": "socks5h", "socks5": "socks5", "socks5h": "socks5h"}
_SCHEMES: Final = ("http", "https", *_SOCKS)
_HTTPS: Final = 443

# a password may contain characters that should have been encoded: user info ends at the last @
_PROXY: Final = re.compile(
    r"(?:(?P<scheme>[^:/@]+)://)?(?:(?P<user>.*)@)?(?P<host>\[[^\]]*\]|[^:/?#\[\]]*)(?P<rest>.*)", re.S
)


def is_loopback(host: str) -> bool:
    """Returns whether a host is this machine, by any of its loopback addresses: a simulated cloud may give each
    instance one of its own."""
    try:
        return host in LOOPBACK or IPv4Address(host).is_loopback
    except ValueError:
        return False


class _UnusableError(ValueError):
    """A value of the environment is unusable; the text contains no user info."""


@dataclass(frozen=True)
class Network:
    """The network settings. `direct` are NO_PROXY's entries, `problems` one line for each ignored value. The repr shows
    no credentials of a proxy."""

    proxy: httpx.Proxy | None = field(default=None, repr=False)
    direct: tuple[str, ...] = ()
    ca_file: str | None = None
    ca_folder: str | None = None
    problems: tuple[str, ...] = ()

    def is_direct(self, host: str, port: int | None = None) -> bool:
        """Returns whether requests to that host use no proxy."""
        return (
            self.proxy is None
            or is_loopback(host)
            or any(_is_covered(entry, host, port or _HTTPS) for entry in self.direct)
        )

    def transport(self, limits: httpx.Limits, network: httpcore.NetworkBackend | None = None) -> httpx.BaseTransport:
        """The transport of requests, within the deadlines of `deadline.py`; `network` is the seam for tests."""
        context = _ssl_context(self.ca_file, self.ca_folder)
        straight = _with_deadlines(httpx.HTTPTransport(verify=context, limits=limits, trust_env=False), network)
        if self.proxy is None:
            return straight
        through = httpx.HTTPTransport(verify=context, limits=limits, trust_env=False, proxy=self.proxy)
        return _Routes(self, straight, _with_deadlines(through, network))


def read_network(environment: Mapping[str, str]) -> Network:
    """The settings of HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR (for proxies, lower case takes
    precedence over upper case), else the system's settings."""
    problems: list[str] = []
    proxy: httpx.Proxy | None = None
    names = {key: _variable_name(environment, key) for key in (*_PROXIES, "no_proxy")}
    try:
        named = next(((names[key], environment[names[key]]) for key in _PROXIES if environment.get(names[key])), None)
        if named is not None:
            proxy = _parse_proxy(*named)
        elif environment is os.environ and (system := getproxies().get("https")):
            proxy = _parse_proxy("the proxy of the system's settings", system)
    except _UnusableError as error:
        problems.append(str(error))
    ca_file, ca_folder = environment.get("SSL_CERT_FILE") or None, environment.get("SSL_CERT_DIR") or None
    if ca_file:
        try:
            _ssl_context(ca_file, None)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            problems.append(f"SSL_CERT_FILE: {ca_file!r} is not a readable file of certificates: {why}")
            ca_file = None
    if ca_folder and not os.access(ca_folder, os.R_OK | os.X_OK):
        problems.append(f"SSL_CERT_DIR: {ca_folder!r} is not a readable folder")
        ca_folder = None
    entries = environment.get(names["no_proxy"], "").split(",")
    direct = tuple(entry.strip() for entry in entries if entry.strip())
    return Network(proxy, direct, ca_file, None if ca_file else ca_folder, tuple(problems))


def network_problems(base_url: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """One line for each unusable value of the environment that requests to the URL need; none for this machine."""
    return () if httpx.URL(base_url).host in LOOPBACK else read_network(environment).problems


def extra_certificates(base_url: str, environment: Mapping[str, str]) -> Mapping[str, str]:
    """The certificates that are trusted for the URL in addition to the public authorities', by variable; none for this
    machine."""
    if httpx.URL(base_url).host in LOOPBACK:
        return {}
    way = read_network(environment)
    named = {"SSL_CERT_FILE": way.ca_file, "SSL_CERT_DIR": way.ca_folder}
    return {variable: path for variable, path in named.items() if path is not None}


class _Routes(httpx.BaseTransport):
    def __init__(self, network: Network, straight: httpx.BaseTransport, through: httpx.BaseTransport) -> None:
        self._network = network
        self._straight = straight
        self._through = through

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        direct = self._network.is_direct(request.url.host, request.url.port)
        return (self._straight if direct else self._through).handle_request(request)

    def close(self) -> None:
        self._straight.close()
        self._through.close()


def _with_deadlines(transport: httpx.HTTPTransport, network: httpcore.NetworkBackend | None) -> httpx.HTTPTransport:
    """The transport with deadlines. The library has no other way to replace its network."""
    pool = transport._pool
    pool._network_backend = DeadlineBackend(network or pool._network_backend)
    return transport


def _ssl_context(ca_file: str | None, ca_folder: str | None) -> ssl.SSLContext:
    # not create_default_context, which also opens the file of SSLKEYLOGFILE
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file or (None if ca_folder else certifi.where()), ca_folder)
    return context


def _variable_name(environment: Mapping[str, str], key: str) -> str:
    return key if environment.get(key) else key.upper()


def _parse_proxy(name: str, value: str) -> httpx.Proxy:
    """The proxy of an entry. Raises _UnusableError, which names the entry without its user info."""
    parts = _PROXY.fullmatch(value.strip())
    assert parts is not None  # it matches everything
    scheme, host, rest = (parts["scheme"] or "http").lower(), parts["host"], parts["rest"].rstrip("/")
    shown = f"{scheme}://{host}" if host.isprintable() and scheme.isalnum() else "its value"
    if scheme not in _SCHEMES:
        raise _UnusableError(f"{name}: {shown!r} is not a proxy URL; allowed schemes: {', '.join(_SCHEMES)}")
    port = re.fullmatch(r"(?::([0-9]{0,5}))?", rest)
    if port is None or int(port[1] or 1) not in range(1, 65536):
        raise _UnusableError(f"{name}: the port after {shown!r} is invalid; write scheme://user:password@host:port")
    if scheme in _SOCKS and find_spec("socksio") is None:
        raise _UnusableError(
            f"{name}: {shown!r} needs a package that is not installed: pip install 'httpx[socks]', or set HTTPS_PROXY"
        )
    user, _, password = (parts["user"] or "").partition(":")
    try:
        url = httpx.URL(f"{_SOCKS.get(scheme, scheme)}://{host}{rest}")
        if not host or any(character.isspace() or not character.isprintable() for character in host):
            raise ValueError("no host")
        return httpx.Proxy(url, auth=(unquote(user), unquote(password)) if parts["user"] else None)
    except (httpx.InvalidURL, ValueError):
        raise _UnusableError(f"{name}: {shown!r} has no usable host") from None


def _is_covered(entry: str, host: str, port: int) -> bool:
    """Returns whether an entry of NO_PROXY covers that host: `*`, a name (and its subdomains), an address with or
    without brackets, a block of addresses, each with or without a port. An invalid entry covers none."""
    if entry == "*":
        return True
    if "://" in entry:
        with suppress(ValueError):
            parts = urlsplit(entry)
            return parts.scheme in ("https", "all") and _is_covered(parts.netloc.rpartition("@")[2], host, port)
        return False
    with suppress(ValueError):
        return ip_address(host.strip("[]")) in ip_network(entry.strip("[]"), strict=False)
    named, colon, number = entry.rpartition(":")
    if colon and re.fullmatch("[0-9]{1,5}", number) and (":" not in named or re.fullmatch(r"\[[^\]]*\]", named)):
        return int(number) == port and _is_covered(named, host, port)
    name = entry.lower().removeprefix("*").strip(".")
    return bool(name) and (host.lower() == name or host.lower().endswith(f".{name}"))
