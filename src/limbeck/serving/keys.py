"""API keys: who may ask, and who may change what is served.

A file has one key a line, ``KEY``, ``KEY predict`` or ``KEY admin``; ``#`` begins a comment. The environment variable
`VARIABLE` holds keys for asking, separated by commas. Only hashes are kept, and compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from pathlib import Path

from limbeck.errors import LimbeckError
from limbeck.files import read_regular
from limbeck.serving.http import Refusal

VARIABLE = "LIMBECK_API_KEYS"
_SHORTEST = 16  # characters of a key
_LARGEST = 2**20  # bytes of the file
ROLES = ("predict", "admin")


class Keys:
    """Who may do what; without any key everybody may ask, and nobody may change what is served."""

    def __init__(self, roles: dict[bytes, str]) -> None:
        self._roles = roles

    @classmethod
    def read(cls, file: Path | None) -> Keys:
        """Read the keys of a file and of the environment.

        Raises
        ------
        LimbeckError
            For a file that cannot be read or that others may read, a short key, or an unknown role.
        """
        lines = [(f"{VARIABLE}", word) for word in os.environ.get(VARIABLE, "").split(",")]
        if file is not None:
            try:
                if file.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP) and os.name == "posix":
                    raise LimbeckError("others may read it", where=file, fix=f"run chmod 640 {file}")
                text = read_regular(file, _LARGEST).decode("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise LimbeckError("the API keys cannot be read", where=file, fix="check the path") from error
            lines += [(f"{file}, line {at}", line) for at, line in enumerate(text.splitlines(), 1)]
        roles: dict[bytes, str] = {}
        for where, line in lines:
            words = line.partition("#")[0].split()
            if not words:
                continue
            role = words[1] if len(words) > 1 else ROLES[0]
            if len(words) > 2 or role not in ROLES:
                raise LimbeckError("expected KEY, or KEY and a role", where=where, fix=f"roles are {', '.join(ROLES)}")
            if len(words[0]) < _SHORTEST:
                raise LimbeckError(f"a key has {_SHORTEST} characters or more", where=where, fix="make a longer one")
            roles[_hash(words[0])] = role
        return cls(roles)

    def __bool__(self) -> bool:
        return bool(self._roles)

    def check(self, authorization: str, header: str, *, admin: bool = False) -> None:
        """Check ``Authorization: Bearer KEY``, or ``X-API-Key: KEY``.

        Raises
        ------
        Refusal
            401 without a known key, 403 for a key without the role.
        """
        if not self._roles and not admin:
            return
        scheme, _, token = authorization.partition(" ")
        given = header or (token.strip() if scheme.lower() == "bearer" else "")
        found, asked = "", _hash(given)
        for known, role in self._roles.items():
            if hmac.compare_digest(known, asked):
                found = role
        if not found:
            raise Refusal(401, "give an API key: Authorization: Bearer KEY", [("www-authenticate", "Bearer")])
        if admin and found != "admin":
            raise Refusal(403, "this needs a key with the role admin")


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
