"""One polite HTTP client: retries with growing waits, a budget of requests, and a key that never reaches a message."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from limbeck.errors import LimbeckError, first_line
from limbeck.teachers.base import Place, heavy

_LONGEST_WAIT = 60.0
_AGAIN = {408, 425, 429, 500, 502, 503, 504, 529}


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
        Environment variable with the key, sent as a bearer token; "" sends none.
    backoff
        Seconds before the first retry, doubled each time; a server's Retry-After wins. No wait is over a minute.
    """

    def __init__(self, place: Place, *, key_env: str = "", backoff: float = 0.5) -> None:
        self._httpx = heavy("httpx", "an HTTP teacher")
        self.spec, self.where, self.backoff = place.spec, place.where, backoff
        headers = {"Authorization": f"Bearer {_key(key_env, place)}"} if key_env else {}
        self._client = self._httpx.Client(timeout=self.spec.timeout, headers=headers)
        self._sent, self._lock = 0, threading.Lock()

    def post(self, url: str, body: Mapping[str, Any]) -> Any:
        """Return the answer to a POST, decoded."""
        return self._ask("POST", url, body)

    def get(self, url: str) -> Any:
        """Return the answer to a GET, decoded."""
        return self._ask("GET", url, None)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, method: str, url: str, body: Mapping[str, Any] | None) -> Any:
        fault, wait = "", None
        for attempt in range(self.spec.retries + 1):
            if attempt:
                time.sleep(min(_LONGEST_WAIT, wait if wait is not None else self.backoff * 2 ** (attempt - 1)))
            self._spend()
            try:
                reply = self._client.request(method, url, json=body)
            except self._httpx.TimeoutException:
                fault, wait = f"no answer within {self.spec.timeout:g} s", None
                continue
            except self._httpx.TransportError as error:
                fault, wait = f"no connection: {first_line(error)}", None
                continue
            except (self._httpx.InvalidURL, ValueError) as error:
                raise LimbeckError(f"{url!r} is no address: {first_line(error)}", where=self.where) from error
            if reply.status_code in _AGAIN:
                fault, wait = f"HTTP {reply.status_code} from {url}", _retry_after(reply.headers)
                continue
            return self._decode(reply, url)
        tries = self.spec.retries + 1
        what = f"{fault} ({tries} tries)" if tries > 1 else fault
        raise LimbeckError(what, where=self.where, mend="see whether the server is up, or raise timeout and retries")

    def _decode(self, reply: Any, url: str) -> Any:
        if reply.status_code != 200:
            said = " ".join(reply.text.split())[:160]
            mends = {401: "check the key in options.key_env", 403: "check the key in options.key_env"}
            mend = mends.get(reply.status_code, "check the address and the model's name")
            raise RefusedError(
                f"HTTP {reply.status_code} from {url}: {said}", reply.text[:2000], where=self.where, mend=mend
            )
        try:
            return reply.json()
        except ValueError as error:
            what = f"{url} answered {reply.text[:60]!r}, which is not JSON"
            raise LimbeckError(what, where=self.where, mend="check the address") from error

    def _spend(self) -> None:
        with self._lock:
            if self.spec.budget is not None and self._sent >= self.spec.budget:
                what = f"the budget of {self.spec.budget} requests is spent"
                raise BudgetSpentError(what, where=self.where, mend="raise its budget and run again")
            self._sent += 1


def _key(name: str, place: Place) -> str:
    key = os.environ.get(name, "").strip()
    if not key:
        raise place.wrong(f"the environment variable {name} holds no key", f"export {name}=…")
    return key


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:  # absent, or a date
        return None
