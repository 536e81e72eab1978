"""Keys of encrypted columns. The first encrypts, all decrypt, so that a key can be replaced while the site runs.

AES in the SIV mode of RFC 5297 (512 bits of key, authenticated) needs no nonce, and equal texts come out equal: a value
can be looked up without decrypting the column. Who reads the database sees which rows hold the same value, no more.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from limbeck.errors import LimbeckError
from limbeck.files import whole_file
from limbeck.studio.home import checked_key, kept_key

MARK = 8  # characters that name a key
_KEPT = 2  # keys of a file after a rotation: a process may still write with the one before


@dataclass(frozen=True)
class Key:
    """One key, from a secret of any length."""

    secret: str

    @cached_property
    def _siv(self) -> AESSIV:
        return AESSIV(HKDF(SHA512(), 64, None, b"limbeck studio columns").derive(self.secret.encode()))

    @cached_property
    def mark(self) -> str:
        """What names the key in front of what it encrypted; it says nothing about the key."""
        return hashlib.sha256(b"limbeck studio key mark\0" + self.secret.encode()).hexdigest()[:MARK]

    def seal(self, text: str, column: str) -> str:
        """Return a text encrypted for a column: in another one it cannot be decrypted."""
        sealed = self._siv.encrypt(text.encode(), [column.encode()])
        return f"{self.mark}:{base64.urlsafe_b64encode(sealed).decode('ascii')}"

    def open(self, sealed: str, column: str) -> str:
        """Return the text that `seal` encrypted.

        Raises
        ------
        LimbeckError
            For anything else.
        """
        try:
            return self._siv.decrypt(base64.urlsafe_b64decode(sealed[MARK + 1 :]), [column.encode()]).decode()
        except (InvalidTag, ValueError) as error:
            fix = "restore the database from a backup"
            raise LimbeckError("an encrypted value was changed", where=column, fix=fix) from error


def sealed_length(characters: int) -> int:
    """Return the longest that a text of so many characters gets when it is encrypted."""
    return MARK + 1 + 4 * -(-(4 * characters + 16) // 3)


def checked_keys(given: str, variable: str) -> str:
    """Return keys that were given, separated by commas; each is checked as `limbeck.studio.home.checked_key` does."""
    for one in filter(None, given.split(",")):
        checked_key(one.strip(), variable)
    return given


class Keyring:
    """The keys of a site, from the environment or from a file with one a line, the newest first; made where none is."""

    def __init__(self, given: str, file: Path) -> None:
        self._given, self._file = given, file
        if not given:
            kept_key(file)

    @property
    def keys(self) -> Sequence[Key]:
        """All keys; those of a file are read again when it has changed, also while the site runs."""
        if self._given:
            return _keys(self._given)
        return _kept(self._file, self._file.stat().st_mtime_ns)

    @property
    def in_file(self) -> bool:
        """Whether the keys are kept in the data folder."""
        return not self._given

    def seal(self, text: str, column: str) -> str:
        """Encrypt with the newest key."""
        return self.keys[0].seal(text, column)

    def variants(self, text: str, column: str) -> list[str]:
        """Return the text as each of the keys encrypts it, to look it up."""
        return [key.seal(text, column) for key in self.keys]

    def open(self, sealed: str, column: str) -> str:
        """Decrypt with the key that is named in front.

        Raises
        ------
        LimbeckError
            When that key is not there, or the value was changed.
        """
        mark = sealed[:MARK]
        found = next((key for key in self.keys if key.mark == mark), None)
        if found is None:
            raise self.missing([mark])
        return found.open(sealed, column)

    def missing(self, marks: Sequence[str]) -> LimbeckError:
        """Return the line for keys that are not there."""
        where = self._file if self.in_file else "LIMBECK_COLUMN_KEYS"
        what = f"the key {', '.join(marks)} of encrypted columns is missing"
        return LimbeckError(what, where=where, fix="restore it from a backup of the keys")

    def add_new(self) -> None:
        """Put a new key in front of those of the file."""
        self._write([secrets.token_urlsafe(48), *(key.secret for key in self.keys)])

    def drop_old(self, used: set[str]) -> None:
        """Remove keys of the file that no row uses, but for the newest two."""
        kept = [key.secret for at, key in enumerate(self.keys) if at < _KEPT or key.mark in used]
        self._write(kept)

    def _write(self, lines: list[str]) -> None:
        with whole_file(self._file) as part:  # in a folder that nobody else may enter
            part.write_text("\n".join(lines) + "\n", "ascii")
            part.chmod(0o600)


@lru_cache(maxsize=4)
def _keys(text: str) -> tuple[Key, ...]:
    return tuple(Key(one.strip()) for one in text.replace("\n", ",").split(",") if one.strip())


@lru_cache(maxsize=4)
def _kept(file: Path, changed: int) -> tuple[Key, ...]:
    del changed
    found = _keys(file.read_text("ascii"))
    if not found:
        raise LimbeckError("holds no key", where=file, fix="restore it from a backup of the keys")
    return found
