"""What a job is: the shards that are read, the names that are written, and what makes the answers.

One shard is one table: one output and one file of rejects, whose names depend on the input alone. The plan is written
into the output folder before the first shard is answered. A job that is started again must have the same plan, so that
no folder ever holds answers of two bundles or of two versions of the input.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from limbeck.bundle.prediction.predict_files import FORMATS
from limbeck.data.tables.read import REJECTED, TABLES
from limbeck.errors import LimbeckError
from limbeck.scale.places import Entry, Place
from limbeck.version import __version__

OWN = "_limbeck"  # folder of the job's own files in the output; Spark and Hive pass over such names
PLAN, MANIFEST, RECORDS = f"{OWN}/plan.json", f"{OWN}/manifest.json", f"{OWN}/shards"
_NAMED = 3  # foreign files that a line names


@dataclass(frozen=True)
class Shard:
    """A table of the input: its name, size (bytes) and time of change (ns), and the name of its answers."""

    input: str
    size: int
    changed: int
    output: str

    @property
    def rejects(self) -> str:
        """Name of the file with the rows that got no answer."""
        return self.output + REJECTED

    @property
    def record(self) -> str:
        """Name of the note that the shard is answered."""
        return f"{RECORDS}/{self.output}.json"


@dataclass(frozen=True)
class Answering:
    """What makes the answers: version and hash of the bundle, what is read and written, and by which Limbeck."""

    version: str
    bundle: str
    columns: tuple[str, ...] | None
    sets: float | None
    encoding: str | None
    rename: dict[str, str] = field(default_factory=dict)
    limbeck: str = __version__


@dataclass(frozen=True)
class Plan:
    """A job: shards in the order of their names, and what makes their answers."""

    shards: tuple[Shard, ...]
    answering: Answering

    def dump(self) -> str:
        """Return the plan as JSON, the same for the same plan."""
        facts = {"format": 1, **asdict(self.answering), "shards": [asdict(shard) for shard in self.shards]}
        return json.dumps(facts, indent=1, ensure_ascii=True) + "\n"

    @property
    def id(self) -> str:
        """Hash of the plan, SHA-256."""
        return hashlib.sha256(self.dump().encode("ascii")).hexdigest()


def find_shards(source: Place, pattern: str, ending: str) -> tuple[Shard, ...]:
    """Return the shards of a folder, or of those of its files that match a pattern, sorted by name.

    Parameters
    ----------
    pattern
        Of names relative to the folder: ``*`` and ``?`` inside one folder, ``**/`` for any folders; "" for all tables
        that lie in the folder itself.
    ending
        That of the outputs: ``.parquet``, ``.csv``, ``.tsv`` or ``.jsonl``.

    Raises
    ------
    LimbeckError
        Where nothing matches, what matches is no table, or two shards would have one output.
    """
    if ending not in FORMATS:
        raise LimbeckError(f"cannot write {ending!r}", where="--format", fix=f"known: {', '.join(FORMATS)}")
    wanted = _matcher(pattern)
    entries = [entry for entry in source.entries(deep="/" in pattern) if _visible(entry) and wanted(entry.name)]
    if pattern and (odd := next((entry for entry in entries if not _is_table(entry)), None)) is not None:
        fix = "narrow the pattern, e.g. to *.parquet"
        raise LimbeckError("matches the pattern and is no table", where=f"{source.shown}/{odd.name}", fix=fix)
    entries = [entry for entry in entries if _is_table(entry)]
    if not entries:
        what = f"no file matches {pattern!r}" if pattern else "the folder holds no table"
        raise LimbeckError(what, where=source.shown, fix="name a folder or a pattern, e.g. 'in/*.parquet'")
    shards = tuple(Shard(entry.name, entry.size, entry.changed, _output(entry.name, ending)) for entry in entries)
    taken: dict[str, str] = {}
    for shard in shards:
        for name in (shard.output, shard.rejects):
            if name in taken:
                what = f"{taken[name]} and {shard.input} would both be answered in {name}"
                raise LimbeckError(what, where=source.shown, fix="rename one of them")
            taken[name] = shard.input
    return shards


def _output(name: str, ending: str) -> str:
    return name if name.lower().endswith(ending) else name + ending


def _visible(entry: Entry) -> bool:
    """Whether a name is one to read: not hidden, and none that leads out of the folder of the answers."""
    return not any(not part or part.startswith((".", "_", "~$")) for part in entry.name.split("/"))


def _is_table(entry: Entry) -> bool:
    return entry.name.lower().endswith(tuple(TABLES)) and not entry.name.lower().endswith(REJECTED)


def _matcher(pattern: str) -> Callable[[str], object]:
    """Return what tells whether a name matches; no wildcard but ``**`` reaches into another folder."""
    if not pattern:
        return lambda name: True
    parts = ["(?:[^/]+/)*" if part == "**" else _part(part) + "/" for part in pattern.split("/")]
    return re.compile("".join(parts).removesuffix("/")).fullmatch


def _part(part: str) -> str:
    """Return the regular expression of a pattern without folders."""
    known = {"*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*|\?|\[!?[^\]]+\])", part)
    # What fnmatch makes of a set, without the group and the end around it.
    sets = (fnmatch.translate(piece)[4:].rpartition(")")[0] if piece[:1] == "[" else "" for piece in pieces)
    return "".join(known.get(piece) or made or re.escape(piece) for piece, made in zip(pieces, sets, strict=True))


def agree(place: Place, plan: Plan) -> None:
    """Write the plan into a new output folder, or check that the folder is of this plan.

    Raises
    ------
    LimbeckError
        Where it holds files that are not of this job, or was begun with another bundle, input or request.
    """
    stored, text = place.read(PLAN), plan.dump().encode("ascii")
    if stored is not None and stored != text:
        what = f"the job in this folder was begun with {_difference(stored, plan)}; its answers are not mixed"
        fix = "name another folder, or go on with what it was begun with"
        raise LimbeckError(what, where=place.shown, fix=fix)
    known = {name for shard in plan.shards for name in (shard.output, shard.rejects)} if stored else set()
    foreign = [entry.name for entry in place.entries(deep=True) if entry.name not in known and not _own(entry)]
    if foreign:
        named = ", ".join(foreign[:_NAMED]) + (", …" if len(foreign) > _NAMED else "")
        what = f"the output folder holds files that are not of this job: {named}"
        raise LimbeckError(what, where=place.shown, fix="name an empty or new folder")
    if stored is None:
        write_bytes(place, PLAN, text)


def _own(entry: Entry) -> bool:
    return entry.name.startswith(f"{OWN}/") or entry.name.rpartition("/")[2].startswith(".")


def write_bytes(place: Place, name: str, content: bytes) -> None:
    """Write a small file of a job into a place, whole or not at all."""
    with tempfile.TemporaryDirectory(prefix="limbeck-") as folder:
        file = Path(folder, "small")
        file.write_bytes(content)
        place.put(file, name, lambda: None)


def _difference(stored: bytes, plan: Plan) -> str:
    """Return in what a stored plan differs from this one, the plainest first."""
    try:
        before: dict[str, Any] = json.loads(stored)
        shards: Sequence[dict[str, Any]] = before["shards"]
        now = asdict(plan.answering)
        if before["bundle"] != now["bundle"]:
            return f"another bundle (version {before['version']}, now {now['version']})"
        for key, word in (("limbeck", "Limbeck"), ("columns", "columns"), ("sets", "--sets"), ("encoding", "encoding")):
            was, new = before[key], json.loads(json.dumps(now[key]))
            if was != new:
                return f"other {word} ({was}, now {new})" if key != "limbeck" else f"Limbeck {was}, now {new}"
        old, new = {shard["input"]: shard for shard in shards}, {shard.input: shard for shard in plan.shards}
        if odd := sorted(set(old) ^ set(new)):
            return f"other input files ({odd[0]} was {'removed' if odd[0] in old else 'added'})"
        changed = next(name for name, shard in new.items() if asdict(shard) != old[name])
        return f"another version of {changed}"
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError):
        return "a plan that cannot be read"
