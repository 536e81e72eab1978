"""``rule:CONDITION -> CLASS [@ PROBABILITY]; …``: what people know, as a teacher.

The first condition that holds decides; where none does, the teacher abstains. The named class gets the probability
(0.9 when left out), the others share the rest. Semicolons or line ends separate rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from limbeck.errors import did_you_mean, first_line
from limbeck.teachers.base import AnswerError, Answers, Place, Teacher
from limbeck.teachers.columns import need
from limbeck.teachers.expression import Expression
from limbeck.teachers.label_map import validate

_QUOTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")


@dataclass(frozen=True)
class _Line:
    condition: Expression
    answer: tuple[float, ...]  # NaN throughout for a class that the label map ignores


class Rules:
    """Rules as a teacher."""

    block = 65536

    def __init__(self, place: Place) -> None:
        self.name, self.classes = place.spec.name, place.classes
        confidence = place.options({"confidence": 0.9})["confidence"]
        self.lines = [_line(text, place, confidence) for text in _cut(place.place, r"[;\n]") if text.strip()]
        if not self.lines:
            raise place.wrong("it holds no rule", "write rule:CONDITION -> CLASS")
        self.columns = tuple(dict.fromkeys(name for line in self.lines for name in line.condition.columns))
        self.fingerprint = place.fingerprint([(line.condition.source, line.answer) for line in self.lines])

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; NaN where no rule holds."""
        need(rows, self.columns, self.name)
        conditions = [line.condition.on(rows.schema).alias(str(at)) for at, line in enumerate(self.lines)]
        try:
            held = rows.select(conditions)
        except pl.exceptions.PolarsError as error:  # a column of lists, say
            raise AnswerError(f"its rules do not fit the columns: {first_line(error)}", teacher=self.name) from error
        # One more column, always true and all NaN, stands for "none of them"; argmax finds the first that holds.
        holds = np.concatenate([held.to_numpy().astype(bool), np.ones((rows.height, 1), dtype=bool)], axis=1)
        table = np.array([line.answer for line in self.lines] + [(np.nan,) * len(self.classes)], dtype=np.float32)
        return validate(table[holds.argmax(axis=1)], self.name, rows.height, len(self.classes))


def _cut(text: str, mark: str) -> list[str]:
    """Split at a mark that stands outside quotes."""
    hidden = _QUOTED.sub(lambda found: "_" * len(found[0]), text)
    ends = [(found.start(), found.end()) for found in re.finditer(mark, hidden)]
    starts = [0, *(end for _, end in ends)]
    return [text[start:stop] for start, stop in zip(starts, [*(start for start, _ in ends), len(text)], strict=True)]


def _line(text: str, place: Place, confidence: float) -> _Line:
    parts = _cut(text, "->")
    if len(parts) != 2:
        raise place.wrong(f"{text.strip()[:60]!r} is no rule", "write CONDITION -> CLASS, or CONDITION -> CLASS @ 0.8")
    name, *given = _cut(parts[1], "@")
    name = name.strip()
    if re.fullmatch(_QUOTED, name):
        name = name[1:-1]
    target = place.spec.labels.get(name, name)
    if target and target not in place.classes:
        raise place.wrong(f"a rule gives {target!r}, which is no class", did_you_mean(target, place.classes))
    try:
        probability = float(given[0]) if given else confidence
    except ValueError:
        probability = float("nan")
    if len(given) > 1 or not 0 < probability <= 1:
        raise place.wrong(f"{'@'.join(given).strip()!r} is no probability", "give one above 0 and up to 1")
    if len(place.classes) == 1 or not target:
        return _Line(Expression(parts[0], place.where), (float("nan"),) * len(place.classes))
    rest = (1 - probability) / (len(place.classes) - 1)
    answer = tuple(probability if name == target else rest for name in place.classes)
    return _Line(Expression(parts[0], place.where), answer)


def open_rules(place: Place) -> Teacher:
    """Open rules as a teacher."""
    return Rules(place)
