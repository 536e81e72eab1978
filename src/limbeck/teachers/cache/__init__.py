"""Teachers are asked once per row: what they said is kept, by teacher and by the content of the row.

The key of a row is a 128-bit BLAKE2b hash of the cells that the teacher reads, their columns and types, and the seed of
the augmented view; the file is named by the teacher's fingerprint. So a changed teacher or row is a miss, never a wrong
hit. Who asks holds a lock: a second run with the same cache waits, and finds the answers there. Answers are kept in
half precision and come out of the cache in that precision on the first run too, so that a resumed run is the same as
one that was never interrupted.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.events import Cancelled, check
from limbeck.locks import sole_writer
from limbeck.progress import progress, say
from limbeck.teachers.base import AnswerError, Answers, Teacher
from limbeck.teachers.cache.store import Halves, Keys, Store
from limbeck.teachers.columns import need
from limbeck.teachers.label_map import validate

_ROUNDED = 5e-3  # what half precision may add to a sum


def cache_folder() -> Path:
    """Return ``LIMBECK_HOME/cache``, by default ``~/.limbeck/cache``."""
    return Path(os.environ.get("LIMBECK_HOME") or Path.home() / ".limbeck") / "cache"


def answers(
    teachers: Sequence[Teacher],
    rows: pl.DataFrame,
    *,
    folder: Path | None = None,
    view: int = 0,
    quiet: bool = False,
    exclusive: bool = True,
) -> Answers:
    """Return what every teacher says about every row, asking only for what is not kept yet.

    Parameters
    ----------
    rows
        N rows; equal ones are asked once.
    folder
        Where answers are kept; `cache_folder` when None.
    view
        Seed of the augmented view that ``rows`` are, 0 for the rows themselves; part of the key.
    exclusive
        Whether a row has one class, so that rows sum to one; else each is a probability by itself, or NaN.

    Returns
    -------
    float32 [K, N, C]
        Rows sum to one within 1e-3; a row of NaN is an abstention.

    Raises
    ------
    LimbeckError
        When a teacher fails or gives what is no answer, naming it, the row (from 1) and how many answers are kept.
    """
    if not teachers:
        raise LimbeckError("there are no teachers", fix="name at least one in [[teachers]]")
    classes = teachers[0].classes
    for teacher in teachers:
        if teacher.classes != classes:
            what = f"teachers {teachers[0].name!r} and {teacher.name!r} answer in different classes"
            raise LimbeckError(what, fix="open all of them with the same classes")
    out = np.empty((len(teachers), rows.height, len(classes)), dtype=np.float32)
    for at, teacher in enumerate(teachers):
        out[at] = _answers_of(teacher, rows, folder or cache_folder(), view, quiet, exclusive=exclusive)
    return out


@dataclass(frozen=True)
class Kept:
    """What is kept of a teacher: bool [N], its answers float32 [N, C] (NaN where none is kept), and the files."""

    there: NDArray[np.bool_]
    answers: Answers
    files: tuple[Path, Path]


def kept(teacher: Teacher, rows: pl.DataFrame, *, folder: Path | None = None, view: int = 0) -> Kept:
    """Return what is kept of a teacher's answers to N rows; nobody is asked. See `answers` for the parameters."""
    store = Store(folder or cache_folder(), teacher.fingerprint, len(teacher.classes))
    places = store.find(row_keys(rows, teacher.columns, view, teacher.name))
    there = places >= 0
    out = np.full((rows.height, len(teacher.classes)), np.nan, dtype=np.float32)
    if there.any():
        found = store.get(places[there])
        if not sound(found).all():  # the next run asks anew
            there = np.zeros(rows.height, dtype=bool)
        else:
            out[there] = _restored(found)
    return Kept(there, out, (store.keys_file, store.answers_file))


def _answers_of(
    teacher: Teacher, rows: pl.DataFrame, folder: Path, view: int, quiet: bool, *, exclusive: bool
) -> Answers:  # fmt: skip
    store = Store(folder, teacher.fingerprint, len(teacher.classes))

    def ask(asked: pl.DataFrame) -> Answers:
        return validate(
            teacher.answer(asked), teacher.name, asked.height, len(teacher.classes), exclusive=exclusive
        )  # fmt: skip

    if not exclusive:
        return recall(teacher, rows, store, ask, _as_halves, _each_sound, view=view, quiet=quiet).astype(np.float32)
    return _restored(recall(teacher, rows, store, ask, _halves, sound, view=view, quiet=quiet))


def recall(
    teacher: Teacher,
    rows: pl.DataFrame,
    store: Store,
    ask: Callable[[pl.DataFrame], NDArray[np.float32]],
    pack: Callable[[NDArray[np.float32]], Halves],
    sound: Callable[[Halves], NDArray[np.bool_]],
    *,
    view: int,
    quiet: bool,
) -> Halves:
    """Return what the store keeps of N rows, float16 [N, W], asking first for what it lacks; equal rows once.

    Who asks is alone: another run that lacks the same answers waits, and then asks for what is still missing. ``sound``
    tells which kept rows can be answers at all; where one cannot, all that is kept of the teacher is asked anew.
    """
    keys = row_keys(rows, teacher.columns, view, teacher.name)
    first, back = _distinct(keys)
    keys = keys[first]
    if not len(keys):
        return np.empty((0, store.columns), dtype=np.float16)
    places = store.find(keys)
    if (places < 0).any() or not sound(store.get(places)).all():
        with sole_writer(store.keys_file, wait=True):
            store.refresh()
            _drop_unsound(keys, store, sound)
            missing = np.flatnonzero(store.find(keys) < 0)
            # Asked in the order of the rows, so that "row 7" in an error is the first one that is wrong.
            missing = missing[np.argsort(first[missing])]
            _ask(teacher, rows, keys, first, missing, store, ask, pack, quiet)
            places = store.find(keys)
    return store.get(places)[back]


def _drop_unsound(keys: Keys, store: Store, sound: Callable[[Halves], NDArray[np.bool_]]) -> None:
    """Empty a store that keeps what is no answer to these keys."""
    places = store.find(keys)
    there = places[places >= 0]
    if len(there) and not sound(store.get(there)).all():
        say(f"{store.answers_file}: damaged, it holds what is no answer; its teacher is asked anew")
        store.clear()


def _ask(
    teacher: Teacher,
    rows: pl.DataFrame,
    keys: Keys,
    first: NDArray[np.int64],
    missing: NDArray[np.int64],
    store: Store,
    ask: Callable[[pl.DataFrame], NDArray[np.float32]],
    pack: Callable[[NDArray[np.float32]], Halves],
    quiet: bool,
) -> None:
    """Ask for the missing rows block by block, keeping each block before the next is asked."""
    lacks = set(teacher.columns) - set(rows.columns)
    wanted = rows if lacks else rows.select(teacher.columns)  # the whole row helps to name the nearest
    kept = 0
    with progress(f"teacher {teacher.name}", len(missing), quiet=quiet, named=True) as advance:
        for start in range(0, len(missing), teacher.block):
            check("what the teachers have answered is kept")
            part = missing[start : start + teacher.block]
            asked = wanted[first[part]]
            try:
                said = ask(asked)
            except Cancelled:
                raise
            except LimbeckError as error:
                if isinstance(error, AnswerError) and error.done is not None and error.answers is not None:
                    store.add(keys[part][error.done], pack(error.answers[error.done]))
                    kept += int(error.done.sum())
                raise _with_kept(error, first[part], len(keys) - len(missing) + kept, len(keys)) from error
            store.add(keys[part], pack(said))
            kept += len(part)
            advance(len(part))
    if (prose := getattr(teacher, "prose", 0)) and not quiet:
        say(f"teacher {teacher.name}: {prose} of {getattr(teacher, 'asked', kept)} replies named no single class")


def _with_kept(error: LimbeckError, rows: NDArray[np.int64], kept: int, total: int) -> LimbeckError:
    """Name the row as the caller numbers it, and say what an error has not cost."""
    stays = f"{kept:,} of {total:,} answers are kept, run again to go on"
    if not isinstance(error, AnswerError):
        return LimbeckError(str(error), fix=stays)
    row = None if error.row is None else int(rows[error.row])
    fix = f"{error.fix}; {stays}" if error.fix else stays
    return AnswerError(error.fault, teacher=error.teacher, row=row, fix=fix)


def row_keys(rows: pl.DataFrame, columns: Sequence[str], view: int, name: str) -> Keys:
    """Return uint64 [N, 2], a hash of each row's cells in ``columns``.

    Cells are joined with their lengths, so that ("ab", "c") is not ("a", "bc"), and an empty text is not a missing one.
    Columns that the rows lack are part of the key too; whether it can do without them is for the teacher to say.
    """
    columns = [column for column in columns if column in rows.columns] or columns
    need(rows, columns, name)
    types = [(column, str(rows.schema[column])) for column in columns]
    person = hashlib.blake2b(repr((types, view)).encode(), digest_size=hashlib.blake2b.PERSON_SIZE).digest()
    cells = [_spelt(rows[column]) for column in columns]
    joined = rows.select(pl.concat_str([_with_length(cell) for cell in cells]).alias("row"))["row"].to_list()
    digest = b"".join(hashlib.blake2b(row.encode(), digest_size=16, person=person).digest() for row in joined)
    return np.frombuffer(digest, dtype="<u8").reshape(-1, 2)


def _spelt(given: pl.Series) -> pl.Series:
    """Return a column as texts that differ wherever its values do; polars writes a float with all its digits."""
    if given.dtype.is_temporal():
        return given.to_physical().cast(pl.String)
    if given.dtype.is_nested() or given.dtype in (pl.Binary, pl.Object):
        return pl.Series([None if value is None else repr(value) for value in given.to_list()], dtype=pl.String)
    return given.cast(pl.String)


def _with_length(cell: pl.Series) -> pl.Expr:
    text = pl.lit(cell)
    return pl.concat_str([text.str.len_bytes().cast(pl.String), pl.lit(":"), text]).fill_null("-")


def _distinct(keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first place of each distinct key int64 [M], and for each row its distinct key int64 [N]."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    ordered = keys[order]
    new = np.ones(len(keys), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    back = np.empty(len(keys), dtype=np.int64)
    back[order] = np.cumsum(new) - 1
    return order[new], back


def sound(kept: Halves) -> NDArray[np.bool_]:
    """Return bool [N]: which kept answers float16 [N, C] are probabilities, or abstentions."""
    given = kept.astype(np.float32)
    with np.errstate(invalid="ignore"):
        answers = (given >= 0).all(axis=1) & (np.abs(given.sum(axis=1) - 1) < _ROUNDED)
    return np.asarray(answers | np.isnan(given).all(axis=1))


def _each_sound(kept: Halves) -> NDArray[np.bool_]:
    """Return bool [N]: which kept answers float16 [N, L] are probabilities of labels, each by itself, or NaN."""
    with np.errstate(invalid="ignore"):
        return np.asarray((~(kept < 0) & ~(kept > 1)).all(axis=1))


def _as_halves(given: Answers) -> Halves:
    return given.astype(np.float16)


def _halves(given: Answers) -> Halves:
    """Return answers in half precision; each number keeps 11 bits, so a sum is off by less than 5e-4."""
    return (given / given.sum(axis=1, keepdims=True, dtype=np.float32)).astype(np.float16)


def _restored(kept: Halves) -> Answers:
    answers = kept.astype(np.float32)
    return np.asarray(answers / answers.sum(axis=1, keepdims=True), dtype=np.float32)
