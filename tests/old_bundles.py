"""The bundles that 0.1.0 made, one of every kind, unpacked, and rows for each as Python gives them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import polars as pl

from limbeck.bundle.manifest import read_manifest
from limbeck.kinds.signal.reading.inputs import record_chunk

_UNPACKED = TemporaryDirectory(prefix="limbeck-old-")  # removed when the process ends
HOME = Path(_UNPACKED.name)
with ZipFile(Path(__file__).parent / "old" / "bundles_0_1_0.zip") as packed:
    packed.extractall(HOME)
KINDS = ("text-ngram", "text-gru", "text-textcnn", "text-albert", "image", "signal", "table")
DETECTORS = ("anomaly-image", "anomaly-signal")


def bundle_of(name: str) -> Path:
    """The bundle's folder."""
    return HOME / name / "bundle"


def rows_of(name: str) -> Any:
    """The rows that lie beside a bundle: texts, paths of pictures, a frame of windows, or one of a table."""
    given = next((HOME / name).glob("rows*"))
    if name.startswith("text"):
        return pl.read_csv(given)["text"].to_list()
    if name == "table":
        return pl.read_csv(given)
    if name.endswith("signal"):
        manifest = read_manifest(bundle_of(name))
        return record_chunk(next(given.glob("*.hea")), manifest.task, manifest.input, 0).frame
    return [str(file) for file in sorted(given.iterdir())]
