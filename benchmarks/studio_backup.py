"""A site goes through a file from each database to each other: SQLite, MariaDB and PostgreSQL, six ordered pairs.

`scripts/databases` starts the two servers, or names those of ``MYSQL_URL`` and ``POSTGRES_URL``; a database that is not
there is left out. ``python -m benchmarks.studio_backup ROWS`` fills the database of its environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.figures import ROOT, Figure

COMMAND = "make bench ONLY=studio_backup"
ROWS, FEW = 200_000, 60
DATABASE = "limbeck_backup_{}"
TEXTS = (
    "物流很快，包装完好",
    '=1+1 "quoted", with\ttab\nand line',
    "😀 𠮷 Ω\u2028x",
    " spaces at both ends ",
    "\x85\u00a0ü",
)


@dataclass(frozen=True)
class Place:
    """A site: its data folder and the URL of its database; "" is SQLite in the data folder."""

    home: Path
    url: str

    def run(self, *command: str) -> None:
        """Run a module with the settings of the site.

        Raises
        ------
        RuntimeError
            When it fails, with the end of what it said.
        """
        environment = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
        environment |= {"LIMBECK_HOME": str(self.home), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        if self.url:
            environment["DATABASE_URL"] = self.url
        done = subprocess.run([sys.executable, "-m", *command], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command}: {(done.stdout + done.stderr)[-2000:]}")


def measure(data: Path, quick: bool = False) -> list[Figure]:  # noqa: ARG001 - all have it
    """Return the figures; ``data`` is not read. The small version has SQLite alone, from one file to another."""
    rows = FEW if quick else ROWS
    there = contextlib.nullcontext({"sqlite": ""}) if quick else servers()
    with tempfile.TemporaryDirectory() as place, there as urls:
        told = pairs(Path(place), urls, rows)
    equal = sum(one["equal"] for one in told)
    slowest = max(told, key=lambda one: one["seconds"])
    note = f"{rows:,} rows; slowest import {slowest['seconds']:.0f} s, {slowest['pair']}"
    missed = Figure(
        subject="studio", name="export and import between databases: ordered pairs that differ in counts or hashes",
        value=float(len(told) - equal), unit=f"of {len(told)}", better="lower", floor=0.0, note=note, command=COMMAND,
    )  # fmt: skip
    return [missed]


def pairs(place: Path, urls: dict[str, str], rows: int) -> list[dict[str, object]]:
    """Export from each database and import into an empty one of each other; of one alone, into another of its kind."""
    names = list(urls)
    asked = list(permutations(names, 2)) or [(names[0], names[0])]
    first = Place(place / "first", "")
    (first.home / "keys").mkdir(parents=True, mode=0o700)
    first.run("benchmarks.studio_backup", str(rows))
    first.run("limbeck", "studio", "export", str(place / "first.zip"))
    held = contents(place / "first.zip")
    told: list[dict[str, object]] = []
    files = {"sqlite": place / "first.zip"}
    # Those that begin with SQLite come first: they fill the databases that the others begin with.
    for at, (source, target) in enumerate(sorted(asked, key=lambda pair: (pair[0] != "sqlite", pair))):
        to = Place(place / f"site{at}", created(urls[target], at))
        shutil.copytree(first.home / "keys", to.home / "keys")
        to.home.chmod(0o700)
        began = time.perf_counter()
        to.run("limbeck", "studio", "import", str(files[source]))
        seconds = time.perf_counter() - began
        again = place / f"site{at}.zip"
        to.run("limbeck", "studio", "export", str(again))
        told.append({"pair": f"{source} to {target}", "equal": contents(again) == held, "seconds": seconds})
        if target in files:
            again.unlink()
        else:
            files[target] = again
    return told


def contents(file: Path) -> dict[str, tuple[int, str]]:
    """Return count and hash of each table of an export."""
    with zipfile.ZipFile(file) as archive:
        told = json.loads(archive.read("manifest.json"))
    return {name: (one["rows"], one["sha256"]) for name, one in told["tables"].items()}


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Yield the URLs of the databases of this machine by name, and stop those that were started."""
    script, folder = str(ROOT / "scripts" / "databases"), tempfile.mkdtemp(prefix="db", dir="/tmp")
    try:
        with tempfile.TemporaryFile("w+") as told:  # a pipe would stay open as long as the servers run
            subprocess.run([script, "start", folder], stdout=told, check=True)
            told.seek(0)
            lines = dict(line.removeprefix("export ").strip().split("=", 1) for line in told)
        urls = {"mariadb": lines.get("MYSQL_URL", ""), "postgresql": lines.get("POSTGRES_URL", "")}
        yield {"sqlite": "", **{name: url for name, url in urls.items() if url}}
    finally:
        subprocess.run([script, "stop", folder], check=False)


def created(url: str, number: int) -> str:
    """Create an empty database on a server and return its URL; for SQLite nothing is done."""
    if not url:
        return ""
    parts, name = urlsplit(url), DATABASE.format(number)
    where = {"host": parts.hostname, "port": parts.port, "user": parts.username, "password": parts.password or ""}
    statements = (f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    if parts.scheme.startswith("postgres"):
        import psycopg

        with psycopg.connect(dbname="postgres", autocommit=True, **where) as server:
            for statement in statements:
                server.execute(statement)
    else:
        import pymysql

        with pymysql.connect(**where) as server, server.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    return parts._replace(path=f"/{name}").geturl()


def fill(rows: int) -> None:
    """Store rows of all kinds that matter: a half items, a quarter answers of people, a quarter answers of models."""
    from django.utils import timezone

    from benchmarks.review_load import fill as fill_items
    from limbeck.studio.accounts.models import User
    from limbeck.studio.audit.log import record
    from limbeck.studio.detection.models import Prediction
    from limbeck.studio.review.models import Gold, Item, LabelSeen, Review

    people = [User.objects.create(username=f"p{at}", name="审核员", role="reviewer") for at in range(5)]
    fill_items(rows // 2)
    chance, now = random.Random(0), timezone.now()
    items = list(Item.objects.order_by("pk").values_list("pk", flat=True)[: rows // 4])
    Review.objects.bulk_create(
        (
            Review(item_id=pk, key=f"k{pk}", person=chance.choice(people), label="good", note=chance.choice(TEXTS),
                   seconds=chance.random() * 10, at=now, facts={"b": 1.0, "a": [1e-7, None, True, "é"]})
            for pk in items
        ),
        batch_size=500,
    )  # fmt: skip
    Prediction.objects.bulk_create(
        (
            Prediction(model="comments", version="v1", kind="text", content=chance.choice(TEXTS), label="good",
                       probability=chance.random(), margin=chance.random(), threshold=0.5,
                       probabilities={"good": chance.random(), "bad": None}, milliseconds=1 / 3)
            for _ in range(rows // 4)
        ),
        batch_size=500,
    )  # fmt: skip
    gold = Gold.objects.create(item_id=items[0], model="comments", label="good")
    LabelSeen.objects.create(gold=gold, person=people[0])
    from django.db import transaction

    with transaction.atomic():
        for one in people:
            record("user.create", actor=None, target=f"user:{one.pk}", role=one.role)


if __name__ == "__main__":
    from limbeck.studio.launch import prepare

    prepare()
    fill(int(sys.argv[1]))
