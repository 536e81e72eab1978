"""Write the database and the files of a site into one zip file.

``tables/NAME/000001.jsonl`` hold the rows, ``files/…`` what lies in the data folder, and ``manifest.json``, the last
member, counts and hashes of both. The keys of the site are not in it: keep ``keys/`` of the data folder elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from limbeck.errors import LimbeckError
from limbeck.files import whole_file
from limbeck.studio.encryption.rotation import in_use
from limbeck.studio.operations.backup.snapshot import snapshot
from limbeck.studio.operations.backup.tables import chunks, fields_of, line, tables
from limbeck.version import __version__

FORMAT = 2
MANIFEST = "manifest.json"
FOLDERS = ("uploads/pictures", "jobs", "training", "models")  # below the data folder
STEP = 2**20
Tell = Callable[[str], None]


def export(target: Path, *, files: bool = True, tell: Tell = lambda _line: None) -> dict[str, Any]:
    """Write a site into a zip file and return its manifest.

    The rows are those of one moment, also while people work. Files come after the rows, so that those which the rows
    name are there.

    Raises
    ------
    LimbeckError
        When the file exists.
    """
    if target.exists():
        raise LimbeckError("the file exists", where=target, fix="choose another name, or delete it")
    manifest: dict[str, Any] = {
        "format": FORMAT, "limbeck": __version__, "audit_key": key_mark(), "column_keys": [], "tables": {}, "files": {},
    }  # fmt: skip
    with whole_file(target) as part, zipfile.ZipFile(part, "x", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        with snapshot():
            manifest["column_keys"] = sorted(in_use())
            for model in tables():
                label = model._meta.label_lower
                digest, rows = hashlib.sha256(), 0
                for number, chunk in enumerate(chunks(model), 1):
                    lines = b"".join(map(line, chunk))
                    digest.update(lines)
                    archive.writestr(f"tables/{label}/{number:06}.jsonl", lines)
                    rows += len(chunk)
                columns = [field.attname for field in fields_of(model)]
                manifest["tables"][label] = {"rows": rows, "sha256": digest.hexdigest(), "columns": columns}
                if rows:
                    tell(f"{label}: {rows:,} rows")
        if files:
            for name, path in kept_files():
                manifest["files"][name] = _add_file(archive, name, path)
            tell(f"{len(manifest['files']):,} files")
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1, sort_keys=True))
    return manifest


def kept_files() -> Iterator[tuple[str, Path]]:
    """Yield the names below the data folder and the paths of the files of a site, in order; no links."""
    home = Path(settings.HOME)
    for folder in FOLDERS:
        for path in sorted((home / folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(home).as_posix(), path


def key_mark() -> str:
    """Return what tells two audit keys apart and says nothing about them."""
    return hmac.new(settings.AUDIT_KEY.encode(), b"limbeck studio export", "sha256").hexdigest()[:16]


def _add_file(archive: zipfile.ZipFile, name: str, path: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source, archive.open(f"files/{name}", "w", force_zip64=True) as sink:
        while block := source.read(STEP):
            digest.update(block)
            size += len(block)
            sink.write(block)
    return {"bytes": size, "sha256": digest.hexdigest()}
