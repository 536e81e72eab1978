"""Import and export of the studio: rows lost or doubled when the worker is killed, and round trips through other tools.

A site is a process tree of its own with a data folder of its own, asked through the REST API; kills are SIGKILL. The
packages of Label Studio and Argilla read and write what was exported, in an environment of their own, which is made for
it: they need other versions of what this project needs. Without a package index their figures are left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.killed_tasks import recipe, write_rows
from benchmarks.studio import Site, site, until_finished
from limbeck.data.exchange.label_studio import config
from limbeck.data.exchange.read import Source, read
from limbeck.data.exchange.record import Record

COMMAND = "make bench ONLY=exchange"
KILLS, ROWS = 50, 100_000
PEERS = ("argilla==2.8.0", "label-studio-sdk==2.1.2")
# What the tools' own packages do with a file: read it, check it where they can, and write what they read.
ARGILLA = """
import json, sys
from argilla.records._io._json import JsonIO
found = JsonIO._records_from_json(sys.argv[1])
json.dump([record.to_dict() for record in found], open(sys.argv[2], "w"))
"""
LABEL_STUDIO = """
import json, sys
from label_studio_sdk.core.unchecked_base_model import construct_type
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.types import ImportApiRequest
tasks, interface = json.load(open(sys.argv[1])), LabelInterface(open(sys.argv[3]).read())
for task in tasks:
    for said in task["predictions"] + task["annotations"]:
        assert not interface._validate_object(said, return_errors=True), said
sent = [construct_type(type_=ImportApiRequest, object_=task) for task in tasks]
json.dump([json.loads(task.json()) for task in sent], open(sys.argv[2], "w"))
"""


def measure(data: Path, quick: bool = False) -> list[Figure]:  # noqa: ARG001 - all have it
    """Return the figures; ``data`` is not read."""
    import limbeck

    kills, rows = (1, 1000) if quick else (KILLS, ROWS)
    shared = {"subject": "studio", "command": COMMAND}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_rows(folder / "rows.csv", 300)
        write_rows(folder / "given.csv", rows)
        bundle = limbeck.train(recipe(), data=folder, out=folder / "ngram").bundle
        with site(folder) as one:
            one.start("--bundle", str(bundle))
            one.sign()
            began = time.perf_counter()
            result, killed = imported(one, folder / "given.csv", kills)
            seconds = time.perf_counter() - began
            chain = one.send("/audit/verify", b"")
            wrong = missing_or_doubled(exported(one, folder, "jsonl"), folder / "given.csv")
            forms = {form: exported(one, folder, form) for form in ("label-studio", "argilla")}
            plain = records(folder / "out-jsonl.jsonl", "table")
        figures = [
            Figure(
                name=f"rows and answers lost or doubled by an import of {ROWS:,} rows after {KILLS} kills of the worker",
                value=float(wrong), unit="rows", better="lower", floor=0.0,
                note=f"{rows:,} rows, killed {killed} times, {result['rejected']} rejected rows listed", **shared,
            ),
            Figure(
                name="audit log after these kills: entries up to the first that does not fit", unit="",
                value=float(chain["broken"] or 0), better="lower", floor=0.0,
                note=f"0 is an intact chain of {chain['entries']:,} entries", **shared,
            ),
            Figure(
                name="rows imported with their answers, kills included", value=rows / seconds, unit="rows/s",
                better="higher", **shared,
            ),
        ]  # fmt: skip
        python = None if quick else peers(folder)
        for form, script in (("label-studio", LABEL_STUDIO), ("argilla", ARGILLA)):
            if python is not None:
                differ = through(python, script, forms[form], folder, form, plain)
                name = f"records that differ after the package of {form} has read and written them"
                figures.append(Figure(name=name, value=float(differ), unit="", better="lower", floor=0.0, **shared))
        return figures


def imported(one: Site, table: Path, kills: int) -> tuple[dict[str, int], int]:
    """Import a table whose classes are answers of people; return the result and the kills."""
    asked = {"model": "ngram", "text": "text", "label": "label", "labels": "reviewed", "answer": "false"}
    return until_finished(one, one.upload("/imports", "file", table, **asked), kills)


def exported(one: Site, folder: Path, form: str) -> Path:
    """Export everything, and return the file."""
    number = int(one.send("/exports", json.dumps({"form": form}).encode())["id"])
    until_finished(one, number)
    path = folder / f"out-{form}{'.jsonl' if form == 'jsonl' else '.json'}"
    path.write_bytes(one.send(f"/exports/{number}/file", raw=True))
    return path


def records(path: Path, form: str) -> dict[str, Record]:
    """Return the records of a file by their keys."""
    rows = [row for part in read(Source(path, form)) for row in part]
    return {row.record.id: row.record for row in rows if row.record is not None}


def missing_or_doubled(path: Path, table: Path) -> int:
    """Return how many rows of a table are not there once, with one answer."""
    wanted = Counter(
        row.record.content["id"] for part in read(Source(table, text="text")) for row in part if row.record
    )
    rows = [row.record for part in read(Source(path)) for row in part if row.record is not None]
    found = Counter(row.content["id"] for row in rows)
    return (wanted - found).total() + (found - wanted).total() + sum(len(row.reviews) != 1 for row in rows)


def peers(folder: Path) -> Path | None:
    """Return the Python of an environment with the packages of other tools, None where it cannot be made."""
    given = os.environ.get("LIMBECK_PEERS")
    if given:
        return Path(given)
    python = folder / "peers" / "bin" / "python"
    made = subprocess.run([sys.executable, "-m", "venv", str(folder / "peers")], check=False).returncode == 0
    install = [str(python), "-m", "pip", "install", "-q", *PEERS]
    return python if made and subprocess.run(install, check=False).returncode == 0 else None


def through(
    python: Path, script: str, path: Path, folder: Path, form: str, plain: dict[str, Record]
) -> int:  # fmt: skip
    """Let a tool's package read and write a file; return how many records are not as they were."""
    (folder / "config.xml").write_text(config(("0", "1")), "utf-8")
    back = folder / f"back-{form}.json"
    command = [str(python), "-c", script, str(path), str(back), str(folder / "config.xml")]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": ""})
    found = records(back, form)
    return sum(found.get(key) != record for key, record in plain.items()) + len(found.keys() - plain.keys())
