"""One polite HTTP client: retries with growing waits, a budget of requests, and a key that never reaches a message.

Whatever a server sends, the caller gets JSON or a `LimbeckError` of one line.
"""

from __future__ import annotations

import json
import os
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError, first_line
from limbeck.files import read_regular
from limbeck.teachers.base import Place
from limbeck.teachers.connection import Connections, LostError, Reply, TooLateError, UnreadableError

_LONGEST_WAIT = 60.0
_AGAIN = {408, 425, 429, 500, 502, 503, 504, 529}
_MOVED = {301, 302, 303, 307, 308}
_LARGEST_KEY = 65536  # bytes of a file with a key
_LEAST = 1 << 20  # bytes that any reply may have


class BudgetSpentError(LimbeckError):
    """No request is left of the budget."""


class RefusedError(LimbeckError):
    """The server understood and said no; ``body`` is what it said."""

    def __init__(self, what: str, body: str, **more: Any) -> None:
        self.body = body
        super().__init__(what, **more)


class Client:
    """Sends JSON and gets JSON; safe to use from several threads.

    Parameters
    ----------
    key_env
        Environment variable with the key, sent as a bearer token; ``NAME_FILE`` names a file with it; "" sends none.
    backoff
        Seconds before the first retry, doubled each time; a server's Retry-After wins. No wait is over a minute.
    """

    def __init__(self, place: Place, *, key_env: str = "", backoff: float = 0.5) -> None:
        self.spec, self.where, self.backoff = place.spec, place.where, backoff
        self._key = _key(key_env, place) if key_env else ""
        self._connections = Connections({"Authorization": f"Bearer {self._key}"} if key_env else {})
        self._sent, self._lock = 0, threading.Lock()
        weakref.finalize(self, self._connections.close)

    def post(self, url: str, body: Mapping[str, Any], *, most: int = _LEAST) -> Any:
        """Return the answer to a POST, decoded; it may have ``most`` bytes, a million at least."""
        return self._ask("POST", url, json.dumps(body, ensure_ascii=False, allow_nan=False).encode(), most)

    def get(self, url: str) -> Any:
        """Return the answer to a GET, decoded."""
        return self._ask("GET", url, None, _LEAST)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def _ask(self, method: str, url: str, content: bytes | None, most: int) -> Any:
        fault, wait, seconds = "", None, self.spec.timeout
        for attempt in range(self.spec.retries + 1):
            if attempt:
                time.sleep(min(_LONGEST_WAIT, wait if wait is not None else self.backoff * 2 ** (attempt - 1)))
            self._spend()
            try:
                reply = self._connections.request(method, url, content, seconds=seconds, most=max(most, _LEAST))
            except TooLateError:
                fault, wait = f"no complete answer within {seconds:g} s", None
                continue
            except LostError as error:
                fault, wait = f"no connection: {self.shown(first_line(error))}", None
                continue
            except UnreadableError as error:
                what = f"the answer of {self.shown(url)} cannot be used: {self.shown(first_line(error))}"
                raise LimbeckError(
                    what, where=self.where, fix="ask for fewer rows at once, or check the address"
                ) from error
            except Exception as error:  # no address, or what nobody has thought of
                what = f"{self.shown(url)} cannot be asked: {self.shown(first_line(error))}"
                raise LimbeckError(what, where=self.where, fix="check the address") from error
            if reply.status in _AGAIN:
                fault, wait = f"HTTP {reply.status} from {self.shown(url)}", _retry_after(reply.headers)
                continue
            return self._decode(reply, url)
        tries = self.spec.retries + 1
        what = f"{fault} ({tries} tries)" if tries > 1 else fault
        raise LimbeckError(what, where=self.where, fix="see whether the server is up, or raise timeout and retries")

    def _decode(self, reply: Reply, url: str) -> Any:
        if reply.status != 200:
            body = reply.body.decode("utf-8", "replace")
            said = self.shown(body, 160)
            fixes = {401: "check the key in options.key_env", 403: "check the key in options.key_env"}
            fix = fixes.get(reply.status, "check the address and the model's name")
            if reply.status in _MOVED:
                said = f"it sends on to {self.shown(reply.headers.get('location', 'nowhere'), 160)}"
                fix = "redirects are not followed: if that is the server, name it in source"
            raise RefusedError(
                f"HTTP {reply.status} from {self.shown(url)}: {said}", body[:2000], where=self.where, fix=fix
            )
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError) as error:  # bytes that are no text, a number of 5,000 digits, nested lists
            start = self.shown(reply.body[:240].decode("utf-8", "replace"), 60)
            what = f"{self.shown(url)} answered {start!r}, which is not JSON that can be read"
            raise LimbeckError(what, where=self.where, fix="check the address") from error

    def shown(self, text: str, longest: int = 300) -> str:
        """Return what a server or an address says for a message: one line, no key, nothing that moves a cursor."""
        line = " ".join(text.split())
        if self._key:
            line = line.replace(self._key, "…")
        scheme, mark, rest = line.partition("://")
        user, at, host = rest.partition("@")
        if mark and at and "/" not in user:  # a password in the address
            line = f"{scheme}://…@{host}"
        return "".join(char if char.isprintable() else "�" for char in line)[:longest]

    def _spend(self) -> None:
        with self._lock:
            if self.spec.budget is not None and self._sent >= self.spec.budget:
                what = f"the budget of {self.spec.budget} requests is spent"
                raise BudgetSpentError(what, where=self.where, fix="raise its budget and run again")
            self._sent += 1


def _key(name: str, place: Place) -> str:
    key = os.environ.get(name, "").strip() or _key_in_file(os.environ.get(f"{name}_FILE", ""), place)
    if not key:
        raise place.wrong(f"the environment variable {name} holds no key", f"export {name}=…")
    return key


def _key_in_file(path: str, place: Place) -> str:
    """Return the key in a file that the environment names, "" where it names none."""
    if not path:
        return ""
    try:
        return read_regular(Path(path), _LARGEST_KEY).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise place.wrong("the file with its key cannot be read", f"check {path}") from error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:  # absent, or a date
        return None
