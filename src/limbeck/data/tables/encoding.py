"""Which encoding a text file is in, and decoding that marks broken bytes instead of failing on them.

Chinese tables come as UTF-8, as UTF-8 with the mark that Excel wants, as UTF-16 (Excel's "Unicode text")
and as GB18030 (Excel's plain CSV on a Chinese system; a superset of GBK and GB2312). A byte-order mark
settles the matter; NULs at every other byte mean UTF-16; else the bytes decide. GB18030 accepts nearly every
pair of bytes, so "decodes without an error" proves little for it: it is taken only where UTF-8 breaks about as
often as it succeeds *and* what GB18030 reads are characters that people use (GB 2312 level 1 and its symbols).
A UTF-8 file with a broken run therefore stays UTF-8, and only its broken rows are rejected.

Korean, Japanese and traditional Chinese tables in their older encodings are told by what they hold in plenty once they
are decoded: Hangul, kana, or the most frequent characters. EUC-KR is looked for before GB18030, in which each of its
bytes is valid. What no rule tells (Latin-1, say) has to be named.
"""

from __future__ import annotations

import codecs
import io
import re
from pathlib import Path
from typing import TextIO

from limbeck.data.tables.packed_file import open_bytes
from limbeck.errors import LimbeckError
from limbeck.files import out_of_reach
from limbeck.messages.message import message

MARK = "\udcff"  # a lone surrogate: no decoder below can produce it from valid bytes
_ERRORS = "limbeck-mark"
codecs.register_error(_ERRORS, lambda error: (MARK, error.end))  # type: ignore[attr-defined]  # decoding only

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins alike
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WINDOW, _WINDOWS, _CLOSELY = 1 << 18, 9, 1 << 14
# What tables hold: Latin, punctuation, kana, Chinese characters, full-width forms, Hangul.
_OF_TABLES = re.compile("[\t\n\r -~\u00a0-\u024f\u2000-\u206f\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]")
_BROKEN_OR_GOOD = re.compile(rf"({MARK})|[^\x00-\x7f{MARK}]")


GUESSED = {"cp949": "EUC-KR", "cp932": "Shift-JIS", "euc_jp": "EUC-JP", "cp950": "Big5"}
# Codecs -> the characters that tell them, and the share of those that are not ASCII. The most frequent characters of
# traditional Chinese are those of the frequency list of the Academia Sinica corpus.
_TELLING = {
    "euc_jp": (re.compile("[\u3041-\u3093]"), 0.2),
    "cp932": (re.compile("[\u3041-\u3093\u30a1-\u30fc]"), 0.25),
    "cp949": (re.compile("[\uac00-\ud7a3]"), 0.9),
    "cp950": (re.compile("[的一是不了在有人我這個們來說到時要就會也子和那上大為他以可對得好很東西真差第次沒都]"), 0.1),
}
_ENOUGH = 20  # characters from which a share means something
_NAMES = re.compile(
    r"utf-8(-sig)?|utf-(16|32)(-[lb]e)?|ascii|gb18030|gbk|gb2312|big5(hkscs)?|cp9(32|49|50)|shift_jis\w*|euc_(jp|kr)\w*"
    r"|johab|iso8859-\d+|cp12\d\d|cp\d{3}|koi8-[rut]|mac-\w+|tis-620"
)


def codec_of(name: str) -> str:
    """Return the codec of an encoding that a person named, e.g. ``latin-1`` or ``Big5``.

    Raises
    ------
    LimbeckError
        When there is none, or it is none of texts.
    """
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        codec = ""
    if not _NAMES.fullmatch(codec):
        raise LimbeckError(
            f"unknown encoding {name!r}",
            where="encoding",
            fix="known: utf-8, utf-16, gb18030, big5, shift_jis, euc_kr, latin-1, cp1252 and other encodings of texts",
        )
    return codec


def detect(path: Path, named: str | None = None) -> str:
    """Return the Python codec of a text file: a Unicode one, gb18030, or one of `GUESSED`; or the one that is named.

    Raises
    ------
    LimbeckError
        When the file cannot be opened.
    """
    if named is not None:
        return codec_of(named)
    windows = _sample(path)
    head = windows[0] if windows else b""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    return _by_nuls(head) or _by_bytes(windows)


def open_text(path: Path, encoding: str) -> TextIO:
    """Open a text file so that broken bytes become `MARK`, line ends stay as they are, and a BOM is dropped."""
    try:
        raw = open_bytes(path)
    except OSError as error:
        raise out_of_reach(error, path) from error
    bom = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    if bom and raw.peek(len(bom))[: len(bom)] == bom:  # type: ignore[attr-defined]  # both are buffered
        raw.read(len(bom))
    # TextIOWrapper decodes from where the raw file is.
    return io.TextIOWrapper(raw, encoding=encoding, errors=_ERRORS, newline="")


def _sample(path: Path) -> list[bytes]:
    """Return windows from the beginning, the end and evenly between; inner ones cut at line ends.

    0x0A is no part of a longer character in UTF-8 or GB18030, so a window cut there begins with a whole one.
    """
    try:
        with open_bytes(path) as handle:
            first = handle.read(_WINDOW * _WINDOWS)
            # A packed file cannot be sought in: its beginning has to do.
            if len(first) < _WINDOW * _WINDOWS or not handle.seekable():
                return [first]
            size = path.stat().st_size
            windows = [first[:_WINDOW]]
            for k in range(1, _WINDOWS):
                handle.seek(k * (size - _WINDOW) // (_WINDOWS - 1))
                windows.append(handle.read(_WINDOW))
    except OSError as error:
        raise out_of_reach(error, path) from error
    inner = [window[window.find(b"\n") + 1 :] for window in windows[1:]]
    return [whole[: whole.rfind(b"\n") + 1] or whole for whole in (windows[0], *inner)]


def _by_nuls(head: bytes) -> str | None:
    """UTF-16 without a mark: commas, digits and line ends leave a NUL in each second byte.

    So does U+4E00 (the character "one"), on the other side: which of the two it is then shows in what is decoded.
    """
    head = head[: _WINDOW & ~1]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    enough = max(2, len(head) // 200)
    if max(even, odd) < enough:
        return None
    if odd > 10 * even:
        return "utf-16-le"
    if even > 10 * odd:
        return "utf-16-be"
    for codec in ("utf-16-le", "utf-16-be"):
        text = head[: len(head) & ~1].decode(codec, _ERRORS)
        if "\n" in text and len(_OF_TABLES.findall(text)) > 0.95 * len(text):
            return codec
    return None


def _by_bytes(windows: list[bytes]) -> str:
    broken = good = gb_broken = gb_good = common = 0
    pieces: list[bytes] = []
    for whole in windows:
        window = whole
        try:
            good += len(window) - len(window.decode("utf-8"))
            continue
        except UnicodeDecodeError as error:
            begin = window.rfind(b"\n", 0, error.start) + 1
        # Counting is slow: look at a stretch from the first broken line on, and trust what came before it.
        good += begin - len(window[:begin].decode("utf-8"))
        window = window[begin : begin + _CLOSELY]
        pieces.append(window[: window.rfind(b"\n") + 1] or window)
        text = window.decode("utf-8", _ERRORS)
        marks = [match.group(1) for match in _BROKEN_OR_GOOD.finditer(text)]
        broken += sum(mark is not None for mark in marks)
        good += sum(mark is None for mark in marks)
        text = window.decode("gb18030", _ERRORS)
        gb_broken += text.count(MARK)
        foreign = [char for char in text if char > "\x7f" and char != MARK]
        gb_good += len(foreign)
        common += sum(map(_in_everyday_use, foreign))
    if broken <= good:
        return "utf-8"
    if found := _by_what_tells(pieces, ("euc_jp", "cp932", "cp949")):
        return found
    if gb_broken * 10 <= broken and common * 5 >= gb_good * 2:
        return "gb18030"
    return _by_what_tells(pieces, ("cp950",)) or "utf-8"


def _by_what_tells(pieces: list[bytes], codecs_: tuple[str, ...]) -> str | None:
    """Return the first of the codecs whose telling characters are many enough, and whose broken ones are few."""
    for codec in codecs_:
        texts = [piece.decode(codec, _ERRORS) for piece in pieces]
        foreign = sum(char > "\x7f" for text in texts for char in text)
        broken = sum(text.count(MARK) for text in texts)
        telling, share = _TELLING[codec]
        count = sum(len(telling.findall(text)) for text in texts)
        if foreign >= _ENOUGH and broken * 50 <= foreign and count >= share * foreign:
            return codec
    return None


def _in_everyday_use(char: str) -> bool:
    pair = char.encode("gb18030", "replace")
    return len(pair) == 2 and pair[1] >= 0xA1 and (0xA1 <= pair[0] <= 0xA3 or 0xB0 <= pair[0] <= 0xD7)


def readable(encoding: str) -> str:
    """Return the name of an encoding as people write it, e.g. ``UTF-8``, ``GB18030``."""
    return {"utf-8-sig": "UTF-8", **GUESSED}.get(encoding, encoding.upper())


def broken_row(encoding: str) -> str:
    """Return the reason for a row with bytes that are no characters."""
    return message("row.bad_bytes", encoding=readable(encoding))


def no_text(path: Path) -> LimbeckError:
    """Return the error for a file that is no text at all."""
    return LimbeckError("this is no text file", where=path, fix="check that the ending fits what is in it")
