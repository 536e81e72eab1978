"""Train one small bundle of every kind, and write rows and answers beside each; see README.md. Usage: OUT."""

# ruff: noqa: T201 - it runs in a checkout of 8f24c42, with the modules of its tests

from __future__ import annotations

import csv
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, "tests")

import limbeck
import pictures
import scans
import signals
import small
from limbeck.recipe import parse_recipe


def keep(home: Path, recipe, data: Path, given: Path) -> None:
    """Train; write the table of answers, and the probabilities where values can be given from Python."""
    limbeck.train(recipe, data=data, out=home / "bundle")
    limbeck.predict(home / "bundle", given, home / "answers.csv")
    if home.name.startswith("text"):
        values = pl.read_csv(given)["text"].to_list()
    elif home.name == "table":
        values = pl.read_csv(given)
    elif "image" in home.name:
        values = [str(file) for file in sorted(given.iterdir())]
    else:
        return
    np.save(home / "probabilities.npy", limbeck.load(home / "bundle").predict_proba(values))


def main(out: Path, work: Path) -> None:
    """Make all of them."""
    small.write_csv(work / "reviews.csv", small.reviews(400))
    for network in ("ngram", "gru", "textcnn", "albert"):
        home = out / f"text-{network}"
        home.mkdir()
        with (home / "rows.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text"])
            writer.writerows([[row["id"], row["text"]] for row in small.reviews(12, seed=5)])
        keep(home, small.tiny_recipe(network), work, home / "rows.csv")
    folders = pictures.class_folders(work / "pictures", 16)
    images = out / "image" / "rows"
    images.mkdir(parents=True)
    for at in range(4):
        pictures.square(("red", "blue")[at % 2], 900 + at).save(images / f"{at}.png")
    keep(out / "image", pictures.tiny(), folders, images)
    scanned = scans.table(work / "scans")
    images = out / "anomaly-image" / "rows"
    images.mkdir(parents=True)
    for at in range(4):
        scans.scan(700 + at, patch=at % 2 == 1)[0].save(images / f"{at}.png")
    keep(out / "anomaly-image", scans.detector("pca", data={"train": "index.csv", "split": "split"}), scanned, images)
    hearts = signals.records(work / "hearts")
    strange = {"kind": "anomaly-signal", "normal": "N", "classes": None}
    for name, recipe in (
        ("signal", signals.signal_recipe()),
        ("anomaly-signal", signals.signal_recipe("autoencoder1d", task=strange)),
    ):
        signals.write_record(out / name / "rows", "r0", 77, seconds=10.0)
        keep(out / name, recipe, hearts, out / name / "rows")
    random = np.random.default_rng(0)
    hidden = random.normal(0, 1, 600)
    columns = {"a": hidden + random.normal(0, 0.1, 600), "b": 2 * hidden + random.normal(0, 0.1, 600), "c": -hidden}
    columns |= {"kind": np.where(hidden > 0, "up", "down")}
    columns |= {"label": np.where(hidden + random.normal(0, 0.5, 600) > 0.2, "yes", "no")}
    frame = pl.DataFrame(columns)
    frame.write_csv(work / "rows.csv")
    (out / "table").mkdir()
    asked = frame.tail(12).drop("label")
    asked = asked.with_columns(a=pl.when(pl.int_range(12) == 3).then(None).otherwise(pl.col("a")))
    asked.write_csv(out / "table" / "rows.csv")
    recipe = {
        "task": {"kind": "table", "input": ["a", "b", "c", "kind"], "label": "label"},
        "data": {"train": "rows.csv"},
        "student": {"network": "mlp", "hidden": 16},
        "training": {
            "epochs": 6, "batch_size": 32, "learning_rate": 0.01, "threads": 1, "device": "cpu", "precision": "fp32",
        },
        "evaluation": {"bootstrap": 20},
    }  # fmt: skip
    keep(out / "table", parse_recipe(recipe), work, out / "table" / "rows.csv")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as work:
        main(Path(made), Path(work))
        with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
            for file in sorted(file for file in Path(made).rglob("*") if file.is_file()):
                packed.write(file, file.relative_to(made))
        print(f"{Path(sys.argv[1]).stat().st_size:,} bytes")
