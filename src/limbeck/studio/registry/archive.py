"""A bundle in a zip file, unpacked under limits: few files, no folders but one around all, no links, no bombs."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from django.utils.translation import gettext as _

from limbeck.bundle.manifest import FILE
from limbeck.errors import LimbeckError
from limbeck.files import DAMAGED_ZIP

MOST_FILES = 64
LARGEST = 4 * 2**30  # bytes, unpacked
RATIO = 200  # unpacked bytes for each packed one; weights pack badly, a bomb packs a thousandfold
SMALL = 16 * 2**20  # bytes that are unpacked whatever their ratio
STEP = 2**20


def unpack(given: BinaryIO, folder: Path) -> Path:
    """Unpack a bundle into an empty folder and return the folder.

    Raises
    ------
    LimbeckError
        For anything but a zip file with a bundle's files in it.
    """
    try:
        with zipfile.ZipFile(given) as archive:
            members = _members(archive)
            for name, member in members.items():
                _write(archive, member, folder / name)
    except DAMAGED_ZIP as error:
        raise LimbeckError(_("This is no zip file, or it is damaged.")) from error
    return folder


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files by name, without the one folder around them."""
    files = [member for member in archive.infolist() if not member.filename.endswith("/")]
    if len(files) > MOST_FILES:
        raise LimbeckError(_("The archive holds more files than a bundle has."))
    packed = sum(member.compress_size for member in files)
    unpacked = sum(member.file_size for member in files)
    if unpacked > LARGEST or unpacked > max(SMALL, RATIO * packed):
        raise LimbeckError(_("The archive unpacks to more than a bundle can hold."))
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in files):
        raise LimbeckError(_("Compress the archive with deflate, the usual method of zip files."))
    if any(member.header_offset < 0 for member in files):  # zipfile would seek there
        raise LimbeckError(_("This is no zip file, or it is damaged."))
    paths = {member: PurePosixPath(member.filename) for member in files}
    around = {path.parts[0] for path in paths.values() if len(path.parts) > 1}
    found: dict[str, zipfile.ZipInfo] = {}
    for member, path in paths.items():
        mode = member.external_attr >> 16
        plain = stat.S_IFMT(mode) in (0, stat.S_IFREG) and not member.flag_bits & 1
        parts = path.parts[1:] if len(around) == 1 and len(path.parts) == 2 else path.parts
        strange = any(char in member.filename for char in "\\\0:") or path.is_absolute()
        if not plain or strange or len(parts) != 1 or parts[0] in ("..", "") or parts[0] in found:
            raise LimbeckError(_("The archive holds folders, links or names that a bundle does not have."))
        found[parts[0]] = member
    if FILE not in found:
        raise LimbeckError(_("The archive holds no bundle: bundle.json is missing."))
    return found


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Unpack a file, and stop where it is longer than the archive says."""
    left = member.file_size
    with archive.open(member) as source, target.open("xb") as sink:
        while block := source.read(STEP):
            left -= len(block)
            if left < 0:
                raise LimbeckError(_("This is no zip file, or it is damaged."))
            sink.write(block)
