"""The base URL of a vendor's API: its validation, and its server."""

from __future__ import annotations

import functools

import httpx

from pulumi_cortecs.http.errors import ConfigurationError
from pulumi_cortecs.http.network import LOOPBACK, is_loopback


@functools.lru_cache(maxsize=16)
def check_base_url(url: str, source: str) -> str:
    """`url` without its trailing slash. Raises ConfigurationError unless it is https, or http on this machine."""
    if "@" in url:  # the first check, because the other errors show the URL
        raise ConfigurationError(f"{source} must not carry credentials in the URL")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise ConfigurationError(f"{source} is not a URL: {url!r}") from None
    if "?" in url or "#" in url:
        raise ConfigurationError(f"{source} must end with a path, without ? and #: {url!r}")
    if parsed.scheme == "https" and parsed.host:
        return url.rstrip("/")
    if parsed.scheme == "http" and parsed.host in LOOPBACK:
        return url.rstrip("/")
    raise ConfigurationError(f"{source} must start with https:// (http:// only on this machine), not {url!r}")


def server_of(url: str) -> str:
    """Host and port of a checked base URL, in one spelling."""
    parsed = httpx.URL(url)
    host = "localhost" if parsed.host in LOOPBACK else parsed.host.rstrip(".")
    return f"{host}:{parsed.port or parsed.scheme}"


def is_loopback_url(url: str) -> bool:
    """Returns whether a checked base URL leads to this machine."""
    return is_loopback(httpx.URL(url).host)
