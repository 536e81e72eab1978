"""Folders in object storage and on HDFS, through pyarrow's file systems and, for what those lack, through fsspec's.

``s3://``, ``gs://`` and ``hdfs://`` are pyarrow's own; ``oss://`` and any other are fsspec's. An object of a store is
visible once its upload is complete; elsewhere a file is written beside its name and renamed. Storage answers with
errors now and then, so each call is tried again a few times. Credentials come from the environment, or from an address
like ``s3://KEY:SECRET@bucket/folder``; what people see of an address lacks them and all options behind ``?``.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode, urlsplit

from limbeck.errors import LimbeckError, first_line, needing
from limbeck.scale.places import Entry, Heartbeat

ATTEMPTS = 6
_WAIT = 0.1  # seconds before the second attempt; doubled each time
_BLOCK = 4 * 2**20
_EVERY = 5.0  # seconds between two heartbeats of an upload
_NATIVE = {"s3": "s3", "gs": "gs", "gcs": "gs", "hdfs": "hdfs", "viewfs": "hdfs"}
_WHOLE = {"s3", "gs", "gcs", "oss", "abfs", "az"}  # an object appears when its upload is complete
_Made = TypeVar("_Made")


class RemotePlace:
    """A folder in object storage.

    Parameters
    ----------
    address
        ``SCHEME://BUCKET/FOLDER``.

    Raises
    ------
    LimbeckError
        For an unknown scheme, an address without a bucket, or a package that is not installed.
    """

    local = None

    def __init__(self, address: str) -> None:
        self.address = address
        parts = urlsplit(address)
        self._scheme = parts.scheme
        bucket = parts.netloc.rpartition("@")[2]
        self.shown = f"{parts.scheme}://{bucket}{parts.path}".rstrip("/")
        self._secrets = _secrets(address)
        if not bucket and parts.scheme not in ("hdfs", "viewfs"):
            raise LimbeckError("the address has no bucket", where=self.shown, fix="give SCHEME://BUCKET/FOLDER")
        with needing("pyarrow", "remote", "object storage"):
            import pyarrow.fs as arrow
        self._arrow = arrow
        self._fsspec: Any = None
        self._system, self._folder = self._opened(bucket, parts.path)

    def _opened(self, bucket: str, path: str) -> tuple[Any, str]:
        arrow = self._arrow
        try:
            if self._scheme in _NATIVE:
                system, folder = arrow.FileSystem.from_uri(_with_endpoint(self.address))
                return system, folder.rstrip("/")
            import fsspec

            self._fsspec = fsspec.filesystem(self._scheme)
            return arrow.PyFileSystem(arrow.FSSpecHandler(self._fsspec)), f"{bucket}{path}".rstrip("/")
        except ImportError as error:
            what = f"{self._scheme}:// needs a package of fsspec that is not installed"
            raise LimbeckError(what, where=self.shown, fix=self._clean(first_line(error))) from error
        except (ValueError, OSError) as error:
            raise self._refused(error, "") from error

    def entries(self, under: str = "", *, deep: bool) -> list[Entry]:
        """Return the files of a folder; none where there is no such folder."""
        arrow, place = self._arrow, self._at(under)
        selector = arrow.FileSelector(place, allow_not_found=True, recursive=deep)
        found = self._tried(lambda: self._system.get_file_info(selector), under)
        cut = len(self._folder) + 1
        files = [one for one in found if one.type == arrow.FileType.File]
        return sorted(
            (Entry(one.path[cut:], int(one.size or 0), int(one.mtime_ns or 0)) for one in files),
            key=lambda entry: entry.name,
        )

    def read(self, name: str) -> bytes | None:
        """Return a small file; None where there is none."""

        def once() -> bytes | None:
            try:
                with self._system.open_input_stream(self._at(name)) as stream:
                    content: bytes = stream.read()
                    return content
            except FileNotFoundError:
                return None

        return self._tried(once, name)

    def fetch(self, name: str, to: Path, heartbeat: Heartbeat) -> Path:
        """Copy an object to the file ``to`` and return that; its folder is made."""
        to.parent.mkdir(parents=True, exist_ok=True)

        def once() -> None:
            with self._system.open_input_stream(self._at(name)) as stream, to.open("wb") as file:
                while block := stream.read(_BLOCK):
                    file.write(block)
                    heartbeat()

        self._tried(once, name)
        return to

    def put(self, file: Path, name: str, heartbeat: Heartbeat) -> None:
        """Upload a file that is complete; where that fails, no part of it stays visible."""
        target = self._at(name)
        part = target if self._scheme in _WHOLE else f"{self._folder}/.{uuid.uuid4().hex[:8]}.part"

        def once() -> None:
            if self._scheme not in _WHOLE:
                self._system.create_dir(target.rpartition("/")[0], recursive=True)
            if self._fsspec is not None:
                self._fsspec.put_file(str(file), part)
            else:
                self._upload(file, part)
            if self._system.get_file_info(part).size != file.stat().st_size:
                self._system.delete_file(part)
                raise OSError("the upload is incomplete")
            if part != target:
                self._system.move(part, target)

        with _regularly(heartbeat):
            self._tried(once, name)

    def _upload(self, file: Path, target: str) -> None:
        """Write a file by one call: a stream that is closed after some of the calls would show what it got so far."""
        import pyarrow

        with pyarrow.memory_map(str(file)) as content, self._system.open_output_stream(target) as stream:
            if content.size():
                stream.write(content.read_buffer())

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""

        def once() -> None:
            if self._system.get_file_info(self._at(name)).type != self._arrow.FileType.NotFound:
                self._system.delete_file(self._at(name))

        self._tried(once, name)

    def _at(self, name: str) -> str:
        return f"{self._folder}/{name}" if name else self._folder

    def _tried(self, call: Callable[[], _Made], name: str) -> _Made:
        """Call, and call again after an error that may pass."""
        for attempt in range(ATTEMPTS):
            try:
                return call()
            except (FileNotFoundError, PermissionError) as error:
                raise self._refused(error, name) from None
            except OSError as error:
                if attempt == ATTEMPTS - 1:
                    raise self._refused(error, name) from None
                time.sleep(_WAIT * 2**attempt)
        raise AssertionError

    def _refused(self, error: Exception, name: str) -> LimbeckError:
        """Return the one line for an error of the storage, without credentials."""
        fix = "check the address, the credentials in the environment and the network"
        where = f"{self.shown}/{name}" if name else self.shown
        return LimbeckError(self._clean(first_line(error, 300)), where=where, fix=fix)

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


@contextlib.contextmanager
def _regularly(heartbeat: Heartbeat) -> Iterator[None]:
    """Call ``heartbeat`` every few seconds while the block runs."""
    stop = threading.Event()

    def go_on() -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            while not stop.wait(_EVERY):
                heartbeat()

    thread = threading.Thread(target=go_on, name="limbeck-upload", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _with_endpoint(address: str) -> str:
    """Return an S3 address with the server of ``AWS_ENDPOINT_URL``, which pyarrow does not read."""
    parts = urlsplit(address)
    server = urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
    if parts.scheme != "s3" or not server.netloc or "endpoint_override=" in parts.query:
        return address
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    known = {"endpoint_override": server.netloc, "scheme": server.scheme, "region": region}
    more = urlencode({name: value for name, value in known.items() if f"{name}=" not in parts.query})
    return f"{address}{'&' if parts.query else '?'}{more}"


def _secrets(address: str) -> list[str]:
    """Return what of an address nobody may see, the longest first."""
    parts = urlsplit(address)
    user, _, _ = parts.netloc.rpartition("@")
    words = [address, user, *user.split(":"), parts.query]
    found = {form for word in words if word for form in (word, unquote(word))}
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}"
    return sorted(found - {plain} if not user and not parts.query else found, key=len, reverse=True)
