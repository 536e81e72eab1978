"""Which files of the data folder belong to a row of the database, and which to none."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db.models import Model

from limbeck.studio.detection.models import Prediction
from limbeck.studio.jobs.models import Job
from limbeck.studio.loop.models import Lineage
from limbeck.studio.review.models import Item

FRESH = 24 * 3600  # seconds; a younger file may belong to a request that has not stored its row yet
PICTURES = Path("uploads") / "pictures"
STEP = 500


@dataclass(frozen=True)
class Orphan:
    """A file, or the folder of a job, that no row names."""

    path: Path
    bytes: int


def orphans(*, older: float = FRESH) -> Iterator[Orphan]:
    """Yield files that no row names and that have not changed for ``older`` seconds."""
    home, now = Path(settings.HOME), time.time()
    for chunk in _chunks(sorted((home / PICTURES).glob("*/*"))):
        names = {str(file.relative_to(home)): file for file in chunk}
        for name in names.keys() - _named(names):
            yield from _orphan(names[name], now - older)
    folders = [folder for folder in sorted((home / "jobs").iterdir()) if folder.name.isdecimal()]
    for chunk in _chunks(folders):
        known = set(Job.objects.filter(pk__in=[int(one.name) for one in chunk]).values_list("pk", flat=True))
        for folder in chunk:
            if int(folder.name) not in known:
                yield from _orphan(folder, now - older)
    known_rows = {one.rows_file for one in Lineage.objects.all()}
    for file in sorted((home / "training").glob("*.parquet")):
        if file not in known_rows:
            yield from _orphan(file, now - older)


def missing() -> int:
    """Return how many pictures rows name that are not there."""
    home, gone = Path(settings.HOME), 0
    for model in (Prediction, Item):
        names = model._default_manager.exclude(file="").order_by().values_list("file", flat=True).distinct()
        gone += sum(not (home / name).is_file() for name in names.iterator(chunk_size=2000))
    return gone


def is_named(file: str) -> bool:
    """Return whether a row names a picture, by its place below the data folder."""
    return bool(_named([file]))


def _named(names: Iterable[str]) -> set[str]:
    wanted, found = list(names), set[str]()
    models: tuple[type[Model], ...] = (Prediction, Item)
    for model in models:
        found |= set(model._default_manager.filter(file__in=wanted).values_list("file", flat=True))
    return found


def _orphan(path: Path, before: float) -> Iterator[Orphan]:
    try:
        found = path.stat()
        if found.st_mtime < before:
            inside = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
            yield Orphan(path, sum(os.lstat(one).st_size for one in inside))
    except OSError:  # deleted meanwhile
        return


def _chunks(paths: list[Path]) -> Iterator[list[Path]]:
    for at in range(0, len(paths), STEP):
        yield paths[at : at + STEP]
