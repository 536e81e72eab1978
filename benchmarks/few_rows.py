"""A few rows of the data sets, for the small versions of the benchmarks: few enough to be read in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl


def few_of_each(table: Path, columns: list[str], count: int, out: Path) -> Path:
    """Write a table with so many rows, drawn by a fixed seed, of each value of some columns; return its folder."""
    rows = pl.read_csv(table, infer_schema=False).sample(fraction=1.0, shuffle=True, seed=0)
    rows.group_by(columns, maintain_order=True).head(count).write_csv(out / table.name)
    return out


def few_pictures(folder: Path, columns: list[str], count: int, out: Path) -> Path:
    """Write the table of a folder of pictures with so many of each value of some columns; return its folder."""
    out.mkdir(parents=True, exist_ok=True)
    few_of_each(folder / "index.csv", columns, count, out)
    table = pl.read_csv(out / "index.csv", infer_schema=False)
    table.with_columns((pl.lit(f"{folder.resolve()}/") + pl.col("path")).alias("path")).write_csv(out / "index.csv")
    return out


def few_faces(faces: Path, out: Path, count: int) -> Path:
    """Write a table with so many pictures of each person and session, live and spoof; return its folder."""
    return few_pictures(faces, ["label", "session", "subject"], count, out)


def few_hearts(ecg: Path, out: Path, count: int) -> Path:
    """Write the file of MIT-BIH's beats with the first so many of each record and symbol; return its folder."""
    with np.load(ecg / "mitbih_beats.npz", allow_pickle=False) as stored:
        every = {name: stored[name] for name in stored.files}
    told = pl.DataFrame({"record": every["record"].astype(str), "symbol": every["symbol"].astype(str)})
    first = (
        told.with_row_index("row")
        .group_by("record", "symbol", maintain_order=True)
        .head(count)["row"]
        .sort()
        .to_numpy()
    )
    few = {name: values[first] if values.shape[:1] == (told.height,) else values for name, values in every.items()}
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "mitbih_beats.npz", **few)  # type: ignore[arg-type]
    return out
