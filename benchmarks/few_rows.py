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


def few_of_all(data: Path, out: Path) -> Path:
    """Write a small copy of the folder of real data, in which every set has all its classes, parts and scenarios.

    Pictures are links. The small versions of the benchmarks read it: reading all rows takes longer than learning from a few.
    """
    for name in ("README.md", "weights", "detection"):
        (out / name).symlink_to(data / name)
    for place, columns, count in (
        ("reviews/reviews.csv", ["domain", "label", "split"], 16),
        ("reviews-en/reviews.csv", ["domain", "label", "split"], 16),
        ("fake-news/weibo21.csv", ["category", "label", "split"], 16),
        ("accounts/accounts.csv", ["scenario", "label"], 60),
        ("accounts/twitter_bands.csv", ["band"], 120),
        ("faces/index.csv", ["label", "session", "subject"], 20),
        ("chest-xray/index.csv", ["label", "split"], 24),
    ):
        (out / place).parent.mkdir(exist_ok=True)
        few_of_each(data / place, columns, count, (out / place).parent)
    few_hearts(data / "ecg", out / "ecg", 16)
    for name in ("ecg/ucr", "ecg/wfdb", "faces/live", "faces/spoof", "chest-xray/normal", "chest-xray/pneumonia"):
        (out / name).symlink_to(data / name)
    for part in ("train", "val"):
        for place in sorted((data / "traffic-signs" / part).iterdir())[:6]:
            own = out / "traffic-signs" / part / place.name
            own.mkdir(parents=True)
            pictures = sorted(place.iterdir())
            for picture in pictures[:: max(len(pictures) // 8, 1)]:
                (own / picture.name).symlink_to(picture)
    return out
