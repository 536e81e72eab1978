"""What data says never steers the terminal that it is shown on."""

import sys

import pytest

from limbeck.cli import tables
from limbeck.errors import LimbeckError, first_line, printable
from limbeck.progress import say

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e好"
SHOWN = r"\x1b[2J\x1b]0;owned\x07\x9b31m\u202e好"


def pair():
    return {"accuracy": 0.5, "macro_f1": 0.5, "roc_auc": 0.5, "eer": None, "ece": 0.1}


@pytest.mark.parametrize(
    "prints",
    [
        lambda: tables.students(HOSTILE, [(HOSTILE, pair())], [{"name": HOSTILE} | pair()]),
        lambda: tables.warnings([HOSTILE]),
        lambda: tables.comparison(
            {
                "n": 3, "warnings": [HOSTILE], "models": {HOSTILE: pair()},
                "pairs": [{"a": HOSTILE, "b": "b", "verdict": HOSTILE}],
            }
        ),
        lambda: say(HOSTILE),
        lambda: sys.stdout.write(str(LimbeckError(HOSTILE, where=HOSTILE, fix=HOSTILE))),
        lambda: sys.stdout.write(first_line(ValueError(HOSTILE))),
    ],
    ids=["table", "warnings", "comparison", "progress", "error", "error of a library"],
)  # fmt: skip
def test_names_from_data_are_shown_and_do_nothing(capsys, prints):
    prints()
    told = "".join(capsys.readouterr())
    assert not set(told) & set("\x1b\x07\x9b\u202e")
    assert SHOWN in told


def test_plain_text_of_any_script_is_printed_as_it_is():
    for text in ("", "a\tb\nc", "物流很快", "naïve Größe", "emoji 👩\u200d🔬", "العربية"):
        assert printable(text) == text
