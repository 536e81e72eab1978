"""HTTP requests that end: a deadline for the whole reply, and a limit on its bytes, packed and unpacked.

The usual timeout of an HTTP library is for one read, so that a server which sends a byte now and then is never done,
and a compressed body is unpacked whole before anybody looks at its size. Here every read of a connection gets only the
time that is left until the request's deadline, and a body is unpacked piece by piece up to the limit. Redirects are not
followed.
"""

from __future__ import annotations

import base64
import threading
import time
import urllib.request
import weakref
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from limbeck.teachers.base import heavy

_CODINGS = {"": 0, "identity": 0, "gzip": 47, "x-gzip": 47, "deflate": 15}  # window bits of zlib, 0 where there is none


class TooLateError(Exception):
    """The deadline has passed."""


class LostError(Exception):
    """The connection broke, was refused, or spoke no HTTP."""


class UnreadableError(Exception):
    """The reply is larger than allowed, or is not packed as it says."""


@dataclass(frozen=True)
class Reply:
    """A reply as it came: its status, its headers (names in lower case), and its body unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Connections to servers, kept open between requests; safe to use from several threads.

    Proxies and certificates are those that the environment names (``HTTPS_PROXY``, ``NO_PROXY``, ``SSL_CERT_FILE``).
    What nobody closes is closed when nobody holds it any more.

    With ``reach``, a function of a host and a port, a connection goes to the address that it returns, and to no proxy;
    the server is still asked, and its certificate checked, by the name of the host. What ``reach`` raises comes out
    of `request`.
    """

    def __init__(self, headers: Mapping[str, str], *, reach: Callable[[str, int], str] | None = None) -> None:
        self._httpx = heavy("httpx", "an HTTP teacher")
        self._core = heavy("httpcore", "an HTTP teacher")
        self._reach = reach
        self._headers = {
            "User-Agent": "limbeck", "Accept": "application/json", "Accept-Encoding": "gzip", **headers
        }  # fmt: skip
        self._deadline = _Deadline(self._core.ReadTimeout)
        self._pools: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close, self._pools)

    def request(self, method: str, url: str, content: bytes | None, *, seconds: float, most: int) -> Reply:
        """Return the reply of at most ``most`` bytes that has arrived whole within so many seconds.

        Raises
        ------
        TooLateError, LostError, UnreadableError
            Where there is no such reply.
        ValueError
            When the address is none.
        """
        headers, address = dict(self._headers), self._address(url)
        if address.userinfo:
            headers.setdefault("Authorization", "Basic " + base64.b64encode(address.userinfo).decode("ascii"))
        if content is not None:
            headers["Content-Type"] = "application/json"
        core = self._core
        target = core.URL(scheme=address.raw_scheme, host=address.raw_host, port=address.port, target=address.raw_path)
        self._deadline.at = time.monotonic() + seconds
        times = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        pairs = [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]
        try:
            with self._pool(address).stream(
                method, target, headers=pairs, content=content, extensions={"timeout": times}
            ) as reply:
                found = {
                    name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reply.headers
                }  # of several with one name the last counts
                return Reply(reply.status, found, self._unpacked(reply.iter_stream(), found, most))
        except core.TimeoutException as error:
            raise TooLateError from error
        except (core.NetworkError, core.ProtocolError, core.ProxyError, core.UnsupportedProtocol) as error:
            raise LostError(error) from error

    def close(self) -> None:
        """Close the connections."""
        _close(self._pools)

    def _address(self, url: str) -> Any:
        try:
            return self._httpx.URL(url)
        except self._httpx.InvalidURL as error:
            raise ValueError(str(error)) from error

    def _unpacked(self, pieces: Iterable[bytes], headers: Mapping[str, str], most: int) -> bytes:
        coding = headers.get("content-encoding", "").strip().lower()
        if coding not in _CODINGS:
            raise UnreadableError(f"it is packed as {coding[:40]!r}, which nobody asked for")
        out, arrived = bytearray(), 0
        unpack = _unpacker(_CODINGS[coding])
        for piece in pieces:
            self._deadline.left(None)
            arrived += len(piece)
            try:
                out += unpack(piece, most + 1 - len(out))
            except zlib.error as error:
                raise UnreadableError(f"it says that it is packed as {coding}, and is not") from error
            if max(arrived, len(out)) > most:
                raise UnreadableError(f"it is larger than {most / 1e6:.1f} MB")
        return bytes(out)

    def _pool(self, address: Any) -> Any:
        """Return the pool of connections for an address: direct ones, or through the proxy of the environment."""
        proxy = "" if self._reach else _proxy_for(address.scheme, address.host)
        with self._lock:
            pool = self._pools.get((address.scheme, proxy))
            if pool is None:
                pool = self._pools[address.scheme, proxy] = self._open(address.scheme, proxy)
            return pool

    def _open(self, scheme: str, proxy: str) -> Any:
        context = self._httpx.create_ssl_context() if scheme == "https" else None
        common: dict[str, Any] = {
            "ssl_context": context, "max_connections": None, "keepalive_expiry": 5.0,
            "network_backend": _TimedBackend(self._core.SyncBackend(), self._deadline.left, self._reach),
        }  # fmt: skip
        if not proxy:
            return self._core.ConnectionPool(**common)
        given = self._address(proxy)
        kind = self._core.SOCKSProxy if given.scheme.startswith("socks") else self._core.HTTPProxy
        auth = (given.username, given.password) if given.userinfo else None
        url = self._core.URL(scheme=given.raw_scheme, host=given.raw_host, port=given.port, target=b"/")
        return kind(proxy_url=url, proxy_auth=auth, **common)


class _Deadline(threading.local):
    """When the request of a thread has to be done. The pools hold this, not their owner, which can so be collected."""

    def __init__(self, late: type[Exception]) -> None:
        self._late, self.at = late, 0.0

    def left(self, timeout: float | None) -> float:
        """Return how long the request of this thread may still wait, at most ``timeout``."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise self._late
        return left if timeout is None else min(left, timeout)


def _close(pools: Mapping[Any, Any]) -> None:
    for pool in list(pools.values()):
        pool.close()


def _proxy_for(scheme: str, host: str) -> str:
    known = urllib.request.getproxies()
    found = known.get(scheme) or known.get("all") or ""
    if not found or urllib.request.proxy_bypass(host):
        return ""
    return found if "://" in found else f"http://{found}"


def _unpacker(bits: int) -> Callable[[bytes, int], bytes]:
    """Return a function of a piece and the most bytes to make of it; what is left over is not kept."""
    if not bits:
        return lambda piece, most: piece[:most]
    state = zlib.decompressobj(bits)
    return lambda piece, most: state.decompress(piece, most)


class _TimedBackend:
    """Opens connections whose every step gets only the time that its thread's request has left."""

    def __init__(
        self, inner: Any, left: Callable[[float | None], float], reach: Callable[[str, int], str] | None = None
    ) -> None:
        self._inner, self._left, self._reach = inner, left, reach

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more: Any) -> Any:
        if self._reach is not None:
            host = self._reach(host, port)
        return _TimedStream(self._inner.connect_tcp(host, port, timeout=self._left(timeout), **more), self._left)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _TimedStream:
    def __init__(self, inner: Any, left: Callable[[float | None], float]) -> None:
        self._inner, self._left = inner, left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return bytes(self._inner.read(max_bytes, timeout=self._left(timeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout=self._left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> Any:
        inner = self._inner.start_tls(ssl_context, server_hostname=server_hostname, timeout=self._left(timeout))
        return _TimedStream(inner, self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
