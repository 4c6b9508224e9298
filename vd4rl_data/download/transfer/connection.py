"""Connections: where a URL leads, certificates, and the proxies that the environment names."""

from __future__ import annotations

import base64
import functools
import http.client
import importlib
import ipaddress
import re
import ssl
import urllib.request
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from vd4rl_data.download.transfer.model import Policy
from vd4rl_data.errors import TransferError

_UNSAFE: Final = re.compile(r"[^\x21-\x7e]")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: the border that a token never crosses."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """The origin of an absolute URL.

        Raises:
            TransferError: it is no ``http`` or ``https`` URL with a host.
        """
        if _UNSAFE.search(url):
            raise TransferError(f"{url[:300]!r} is not a URL: quote what is not plain text in it")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise TransferError(f"{url[:300]!r} is not a URL: {error}") from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise TransferError(f"expected an http or https URL with a host, got {url[:300]!r}")
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])

    def __str__(self) -> str:
        """As it stands in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = self.port == _PORTS[self.scheme]
        return f"{self.scheme}://{host}" if default else f"{self.scheme}://{host}:{self.port}"


class Route:
    """How to reach one origin: directly, or through the proxy of the environment."""

    def __init__(self, origin: Origin, policy: Policy) -> None:
        """Read the environment; open nothing yet."""
        self._origin = origin
        self._policy = policy
        self._proxy = find_proxy(origin)

    def connect(self) -> http.client.HTTPConnection:
        """A connection whose socket is open and waits no longer than the policy says."""
        target = self._origin if self._proxy is None else Origin.of(self._proxy.geturl())
        tunnel = self._proxy is not None and self._origin.scheme == "https"
        timeout = self._policy.connect_timeout
        if self._origin.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                target.host, target.port, timeout=timeout, context=_tls_context()
            )
        else:
            connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout)
        if tunnel:
            connection.set_tunnel(self._origin.host, self._origin.port, self._proxy_headers())
        connection.connect()
        connection.sock.settimeout(self._policy.read_timeout)
        return connection

    def request_target(self, parts: SplitResult) -> str:
        """What stands in the request line: a path, or the whole URL for a plain proxy."""
        path = parts.path or "/"
        path = f"{path}?{parts.query}" if parts.query else path
        return f"{self._origin}{path}" if self._is_plain_proxy() else path

    def headers(self) -> dict[str, str]:
        """Headers that a plain proxy wants with every request."""
        return self._proxy_headers() if self._is_plain_proxy() else {}

    def _is_plain_proxy(self) -> bool:
        return self._proxy is not None and self._origin.scheme == "http"

    def _proxy_headers(self) -> dict[str, str]:
        if self._proxy is None or self._proxy.username is None:
            return {}
        user, password = unquote(self._proxy.username), unquote(self._proxy.password or "")
        secret = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Proxy-Authorization": f"Basic {secret}"}


def find_proxy(origin: Origin) -> SplitResult | None:
    """The proxy that ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy`` ask for.

    This machine itself is never reached through a proxy, and no setting but those counts.

    Raises:
        TransferError: the proxy is not an HTTP proxy.
    """
    proxies = urllib.request.getproxies_environment()
    proxy = proxies.get(origin.scheme) or proxies.get("all")
    if not proxy or _is_loopback(origin.host) or _is_bypassed(origin, proxies):
        return None
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if parts.scheme != "http" or not parts.hostname:
        raise TransferError(
            f"the environment names a proxy of the kind {parts.scheme!r} for {origin}; only "
            "http:// proxies are supported: change https_proxy, or add the host to no_proxy"
        )
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_bypassed(origin: Origin, proxies: dict[str, str]) -> bool:
    names = (f"{origin.host}:{origin.port}", origin.host)
    return any(urllib.request.proxy_bypass(name, proxies) for name in names)


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """The system's certificates; those of ``certifi`` where the system has none."""
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath) and not context.get_ca_certs():
        try:
            certifi = importlib.import_module("certifi")
        except ImportError:
            return context
        context.load_verify_locations(cafile=str(certifi.where()))
    return context
