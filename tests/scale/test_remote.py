"""Shards in object storage: a real S3 server that fails now and then, and no object that is only half there."""

import json
from pathlib import Path

import pytest
from benchmarks.scale_storage import SECRET, s3_server

from limbeck.errors import LimbeckError
from limbeck.events import Event
from limbeck.locks import InUseError
from limbeck.scale import remote
from limbeck.scale.lease import leased
from limbeck.scale.places import open_place, split_pattern
from limbeck.scale.plan import OWN, write_bytes
from limbeck.scale.predict_shards import predict_shards
from scale.conftest import contents, write_shards

pytest.importorskip("pyarrow.fs", reason="pyarrow is not installed: object storage is not tested")
pytest.importorskip("moto.server", reason="moto's S3 server is not installed: object storage is not tested")


@pytest.fixture(scope="module")
def storage():
    with s3_server("bucket") as server:
        yield server


@pytest.fixture(scope="module")
def shards(storage, tmp_path_factory):
    folder = write_shards(tmp_path_factory.mktemp("here") / "in", 4)
    place = open_place("s3://bucket/in")
    for file in folder.iterdir():
        place.put(file, file.name, lambda: None)
    return folder


def download(address: str, folder: Path) -> Path:
    place = open_place(address)
    for entry in place.entries(deep=True):
        place.fetch(entry.name, folder / entry.name, lambda: None)
    return folder


def test_a_job_in_object_storage_ends_with_the_bytes_of_one_machine_though_requests_fail(
    storage, bundle, shards, tmp_path
):
    told: list[Event] = []
    predict_shards(bundle, shards, tmp_path / "here", on="processes:1", progress=told.append)
    storage.failing = True
    try:
        source = f"s3://limbeck:{SECRET}@bucket/in/*.parquet"
        done = predict_shards(bundle, source, "s3://bucket/out", on="processes:1", progress=told.append)
        again = predict_shards(bundle, source, "s3://bucket/out", on="processes:1", progress=told.append)
    finally:
        storage.failing = False
    assert contents(download("s3://bucket/out", tmp_path / "there")) == contents(tmp_path / "here")
    assert (done.answered_now, again.answered_now) == (4 * 40 - 1, 0)
    everything = b"".join(file.read_bytes() for file in (tmp_path / "there").rglob("*") if file.is_file())
    assert SECRET.encode() not in everything + repr((done, told)).encode()
    assert not list((tmp_path / "there").glob("_limbeck/lease*"))


def test_an_upload_that_breaks_off_leaves_nothing_to_see(storage, tmp_path, monkeypatch):
    place = open_place("s3://bucket/broken")
    file = tmp_path / "large"
    file.write_bytes(bytes(12 * 2**20))
    monkeypatch.setattr(remote, "ATTEMPTS", 1)
    monkeypatch.setattr(storage, "broken", "partNumber=2")
    with pytest.raises(LimbeckError, match=r"s3://bucket/broken/large: "):
        place.put(file, "large", lambda: None)
    assert place.entries(deep=True) == []
    monkeypatch.setattr(storage, "broken", None)
    place.put(file, "large", lambda: None)
    assert [entry.size for entry in place.entries(deep=True)] == [12 * 2**20]


def test_credentials_never_stand_in_an_error():
    with pytest.raises(LimbeckError) as raised:
        open_place(f"s3://limbeck:{SECRET}@bucket/x?endpoint_override=127.0.0.1:1&scheme=http&nonsense={SECRET}")
    assert SECRET not in str(raised.value)
    assert "s3://bucket/x" in str(raised.value)
    with pytest.raises(LimbeckError, match="no bucket"):
        open_place("s3:///folder")
    with pytest.raises(LimbeckError, match=r"gopher://host"):
        open_place("gopher://host/folder")


def test_a_lease_that_is_renewed_is_refused_and_one_that_is_not_is_taken_over(storage):
    place = open_place("s3://bucket/leased")
    with (
        leased(place, "", every=0.2),
        pytest.raises(InUseError, match="is writing this folder"),
        leased(place, "", every=0.5),
    ):  # the holder is this process: it runs, so its renewals tell
        pass
    stale = {"host": "elsewhere", "process": 1, "token": "x", "renewed": 3}
    write_bytes(place, f"{OWN}/lease.json", json.dumps(stale).encode())
    with leased(place, "", every=0.05):
        assert place.read(f"{OWN}/lease.json") is not None
    assert place.read(f"{OWN}/lease.json") is None


def test_a_pattern_is_split_behind_the_bucket():
    assert split_pattern("s3://bucket/in/*.parquet") == ("s3://bucket/in", "*.parquet")
    assert split_pattern("s3://bucket/in") == ("s3://bucket/in", "")
    with pytest.raises(LimbeckError, match="bucket cannot be a pattern"):
        split_pattern("s3://*/in")
