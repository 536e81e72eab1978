"""Which beats may be learned from and evaluated on together: whole patients, or the published lists of records.

Beats of one heart are alike, so a split by beats tells how well a classifier knows its patients, not how it does on the
next one. Patients stay together by default; the split by beats is possible, and every report of it says that it leaks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.leakage import RANK
from limbeck.data.split import fair_draw
from limbeck.errors import LimbeckError
from limbeck.kinds.defaults import Drawing, drawn_once
from limbeck.kinds.signal.columns import CHAZAL, DS1, DS2, PACED, RECORD
from limbeck.messages.message import Message, message
from limbeck.recipe import Data, Recipe, Split

BY_BEAT = "beat"  # data.split.group: every beat for itself
DRAWN = 0.2  # share of train that becomes valid when a column has none: a tenth would be two patients


def group(recipe: Recipe, columns: Collection[str]) -> str | None:  # noqa: ARG001
    """Return the column whose rows stay together: ``patient``, unless the recipe names another or every beat."""
    split = recipe.data.split
    named = split.group if isinstance(split, Split) else recipe.evaluation.group
    return None if named == BY_BEAT else named or "patient"


def notes(data: Data) -> list[Message]:
    """Return that the split leaks, where the recipe asks for one by beats."""
    leaks = isinstance(data.split, Split) and data.split.group == BY_BEAT
    return [message("data.split_by_beats")] if leaks else []


def drawn(
    draw: Drawing, split: NDArray[np.str_], labels: NDArray[np.int64], seed: int, *, grouped: bool
) -> NDArray[np.str_]:
    """Return the parts of a fair draw of whole patients, or of one draw where every beat stands for itself."""
    if not grouped:
        return drawn_once(draw, split, labels, seed, grouped=False)
    return fair_draw(partial(draw, share=DRAWN), split, labels, seed)


def published(frame: pl.DataFrame, split: str | Split, source: Path) -> NDArray[np.str_] | None:
    """Return the parts of the published lists, where the recipe asks for them."""
    if split != CHAZAL or RECORD not in frame.columns:
        return None
    return chazal_parts(frame[RECORD].to_list(), source)


def chazal_parts(records: Sequence[str | None], where: object) -> NDArray[np.str_]:
    """Return "train" for records of DS1 and "test" for those of DS2 (de Chazal et al. 2004), "" for paced ones.

    Raises
    ------
    LimbeckError
        For a record that is on neither list.
    """
    strange = sorted({str(name) for name in records} - DS1 - DS2 - PACED)
    if strange:
        what = f"{strange[0]!r} is no record of MIT-BIH, so {CHAZAL!r} says nothing of it"
        raise LimbeckError(what, where=where, fix="leave data.split out: patients stay together by default")
    return np.array(["train" if name in DS1 else "test" if name in DS2 else "" for name in records], dtype="<U10")


def drop_straddling(
    groups: NDArray[np.object_], split: NDArray[np.str_], keep: NDArray[np.bool_], findings: list[Message]
) -> None:
    """Take patients who stand in several given parts out of the lesser ones, as copies are; writes into ``keep``.

    So goes record 201 of the published lists: it is in DS1, and the same man's 202 in DS2.
    """
    rank = np.array([RANK.get(part, 0) for part in split.tolist()])
    rank = np.where(keep & (split != "unlabelled"), rank, 0)
    highest: dict[str, int] = {}
    for group, own in zip(groups.tolist(), rank.tolist(), strict=True):
        highest[group] = max(highest.get(group, 0), own)
    top = np.array([highest[group] if group else 0 for group in groups.tolist()])
    out = (rank > 0) & (rank < top)
    if out.any():
        keep &= ~out
        names = sorted({str(group) for group in groups[out].tolist()})[:5]
        findings.append(message("data.patients_left_out", count=out.sum(), patients=names))
