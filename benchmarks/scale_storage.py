"""A real S3 server (moto's) whose requests fail now and then, and a job whose shards lie there; see benchmarks/scale.py."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.figures import Figure
from limbeck.scale.places import open_place
from limbeck.scale.predict_shards import predict_shards

COMMAND = "make bench ONLY=scale"
SECRET = "wJalrXUtnFEMI"  # moto takes any


class FailingS3:
    """moto's application, of whose requests every twentieth fails as S3 does under load.

    Attributes
    ----------
    failing
        Whether they do.
    broken
        A part of the query that makes a request fail always.
    refused
        Requests that failed.
    """

    def __init__(self) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app

        self._application, self._lock = DomainDispatcherApplication(create_backend_app), threading.Lock()
        self._asked, self.refused, self.failing = 0, 0, False
        self.broken: str | None = None

    def __call__(self, environ: dict[str, Any], begin: Any) -> Iterable[bytes]:
        """Answer a request by WSGI."""
        with self._lock:
            self._asked += 1
            fails = self.failing and self._asked % 20 == 0
            fails = fails or bool(self.broken and self.broken in environ["QUERY_STRING"])
            self.refused += fails
        if fails:
            begin("503 Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"]
        found: Iterable[bytes] = self._application(environ, begin)
        return found


@contextmanager
def s3_server(bucket: str) -> Iterator[FailingS3]:
    """Serve S3 with one bucket on this machine; inside the block the environment names it and its credentials."""
    import pyarrow.fs as arrow
    from werkzeug.serving import WSGIRequestHandler, make_server

    application = FailingS3()
    handler = type("Quiet", (WSGIRequestHandler,), {"log_request": lambda *_: None})
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    known = {
        "AWS_ENDPOINT_URL": f"http://{address}",
        "AWS_ACCESS_KEY_ID": "limbeck",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with patch.dict(os.environ, known):
            arrow.S3FileSystem(endpoint_override=address, scheme="http", allow_bucket_creation=True).create_dir(bucket)
            yield application
    finally:
        server.shutdown()


def storage(bundle: Path, source: Path, count: int) -> Figure:
    """Answer shards in the server, of whose requests one in twenty fails; return the share that is complete."""
    with s3_server("bucket") as server:
        server.failing = True
        place = open_place("s3://bucket/in")
        for file in sorted(source.iterdir())[:count]:
            place.put(file, file.name, lambda: None)
        done = predict_shards(
            bundle, "s3://bucket/in", "s3://bucket/out", on="processes:2", progress=lambda event: None
        )
        written = open_place("s3://bucket/out")
        manifest = json.loads(written.read("_limbeck/manifest.json") or b"{}")
        sizes = {entry.name: entry.size for entry in written.entries(deep=True)}
        whole = sum(sizes.get(shard["output"]) == shard["size"] for shard in manifest["shards"])
    return Figure("scale", "S3 (moto's server) with 5 % of requests refused: shards that are complete", 100.0 * whole / done.shards, "%", "higher",
                  COMMAND, floor=100.0, note=f"{done.shards} shards; {server.refused} requests were refused.")  # fmt: skip
