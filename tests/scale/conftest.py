"""Shards of small reviews, and what must come out of them."""

from pathlib import Path

import polars as pl
import pytest

from small import reviews


def write_shards(folder: Path, count: int, rows: int = 40) -> Path:
    """Write ``count`` Parquet files of ``rows`` reviews each; every fourth has an empty text."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        frame = pl.DataFrame(reviews(rows, seed=number)).select("id", "text")
        if number % 4 == 3:
            frame = frame.with_columns(text=pl.when(pl.col("id") == "r5").then(pl.lit(" ")).otherwise("text"))
        frame.write_parquet(folder / f"part-{number:02}.parquet")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return name -> bytes of what a job left: the answers, the rejects and the manifest."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    names = {file.relative_to(folder).as_posix(): file for file in files}
    kept = {name for name in names if not name.startswith("_limbeck/") or name == "_limbeck/manifest.json"}
    return {name: names[name].read_bytes() for name in sorted(kept)}


@pytest.fixture(scope="module")
def bundle(bundles) -> Path:
    """The tiny n-gram bundle."""
    return bundles("ngram")
