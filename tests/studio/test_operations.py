"""Check a site, delete what is old, and carry it to another database."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.analysis.models import Daily
from limbeck.studio.audit.models import Entry
from limbeck.studio.detection.models import Prediction
from limbeck.studio.home import kept_key, prepare_home
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Worker
from limbeck.studio.loop.models import Lineage
from limbeck.studio.operations import files, planner_statistics, retention
from limbeck.studio.operations.backup.export import export
from limbeck.studio.operations.backup.restore import restore
from limbeck.studio.operations.backup.tables import held, tables
from limbeck.studio.operations.check import check
from limbeck.studio.review.models import Item, Review
from studio.review_items import answered, item, stored

pytestmark = pytest.mark.django_db
OLD = timezone.now() - datetime.timedelta(days=40)


@pytest.fixture(autouse=True)
def own_home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of each test's own, in which keys are made."""
    folder = prepare_home(tmp_path / "site")
    for name in ("secret", "audit", "columns"):
        kept_key(folder / "keys" / name)
    monkeypatch.setattr(settings, "HOME", folder)
    return folder


def states() -> dict[str, str]:
    """What `check` says of each thing."""
    return {line.name: line.state for line in check()}


def aged(path: Path) -> Path:
    """Make a file that has not changed for 40 days."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 100)
    os.utime(path, (OLD.timestamp(), OLD.timestamp()))
    return path


def prediction(at: datetime.datetime, **values: object) -> Prediction:
    """Store an answer of some time."""
    given = {"model": "m", "version": "v", "kind": "text", "content": "c", "label": "good", "probability": 0.9}
    made: Prediction = Prediction.objects.create(**given, margin=0.1, threshold=0.5, created_at=at, **values)
    return made


def test_a_site_in_order_has_no_other_state(own_home: Path) -> None:
    assert states() == dict.fromkeys(("database", "disk", "keys", "columns", "audit", "files"), "ok")


def test_each_problem_is_told_in_a_line_of_its_own(own_home: Path, people: dict[str, User]) -> None:
    lost = aged(own_home / "uploads" / "pictures" / "ab" / "lost.png")
    fresh = own_home / "uploads" / "pictures" / "ab" / "fresh.png"
    fresh.write_bytes(b"x")
    (own_home / "keys" / "secret").chmod(0o644)
    one = stored(1)[0]
    answered(one, people["reviewer"])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_entry SET action = 'nothing' WHERE number = 1")
    told = {line.name: line for line in check()}
    assert {name: line.state for name, line in told.items()} == {
        "database": "ok", "disk": "ok", "keys": "failed", "columns": "ok", "audit": "failed", "files": "warning",
    }  # fmt: skip
    assert "1 files" in told["files"].text and str(lost) in told["files"].text
    assert "chmod 600" in told["keys"].text and "entry 1" in told["audit"].text
    prediction(OLD, file="uploads/pictures/ab/gone.png")
    assert "missing" in {line.name: line.text for line in check()}["files"]


def test_what_is_old_goes_with_all_that_belongs_to_it(own_home: Path, people: dict[str, User]) -> None:
    picture, shared = (aged(own_home / "uploads" / "pictures" / "cd" / name) for name in ("old.png", "shared.png"))
    prediction(OLD, file=str(picture.relative_to(own_home)))
    prediction(OLD, file=str(shared.relative_to(own_home)))
    kept = prediction(timezone.now(), file=str(shared.relative_to(own_home)))
    rows = stored(4)
    answered(rows[0], people["reviewer"])
    answered(rows[1], people["reviewer"])
    Item.objects.filter(pk__in=[rows[0].pk, rows[2].pk]).update(created_at=OLD)
    ended = Job.objects.create(kind="batch", title="t", state="finished", finished_at=OLD)
    prediction(timezone.now(), job=ended, position=0)
    aged(ended.folder / "input" / "rows.csv")
    running = Job.objects.create(kind="batch", title="t", state="running")
    prediction(OLD, job=running, position=0)
    lineage = Lineage.objects.create(model="m", version="v", created_at=OLD)
    aged(lineage.rows_file)
    Daily.objects.create(day=OLD.date(), model="m", version="v", source="detect", label="good", bin=1, count=1)
    found = retention.delete_old(30)
    assert dict(found) == {"items": 2, "answers": 2, "jobs": 1, "files": 1}
    assert not picture.exists() and shared.exists()
    assert set(Item.objects.values_list("pk", flat=True)) == {rows[1].pk, rows[3].pk}
    assert Review.objects.count() == 1
    assert set(Prediction.objects.values_list("pk", flat=True)) == {kept.pk, running.predictions.get().pk}
    assert not lineage.rows_file.exists() and Daily.objects.count() == 1
    entry = Entry.objects.latest("number")
    assert (entry.action, entry.details["items"]) == ("retention.run", 2)
    assert retention.delete_old(30).total() == 0


def test_files_of_no_row_are_deleted_when_they_are_old(own_home: Path) -> None:
    lost, folder = (
        aged(own_home / "uploads" / "pictures" / "ef" / "lost.png"),
        aged(own_home / "jobs" / "987" / "rows.csv"),
    )
    os.utime(folder.parent, (OLD.timestamp(), OLD.timestamp()))
    assert {one.path for one in files.orphans()} == {lost, folder.parent}
    assert retention.delete_old(30)["files"] == 2
    assert not lost.exists() and not folder.parent.exists()


@pytest.mark.django_db(transaction=True)
def test_the_job_runs_once_a_day_where_a_setting_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    retention.start_daily()
    assert not Job.objects.exists()
    monkeypatch.setattr(settings, "CONFIG", settings.CONFIG.model_copy(update={"retention_days": 30}))
    retention.start_daily()
    retention.start_daily()
    prediction(OLD)
    Worker().run(until_empty=True)
    job = Job.objects.get()
    assert (job.state, job.result["answers"], job.result["rows"]) == ("finished", 1, 1)
    assert not Prediction.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_export_is_refused_where_the_database_is_not_empty(tmp_path: Path, people: dict[str, User]) -> None:
    manifest = export(tmp_path / "site.zip")
    assert manifest["tables"]["accounts.user"]["rows"] == len(people)
    with pytest.raises(LimbeckError, match="the file exists"):
        export(tmp_path / "site.zip")
    with pytest.raises(LimbeckError, match="not empty"):
        restore(tmp_path / "site.zip")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 1}, "another version"),
        ({"audit_key": "0" * 16}, "another key"),
        ({"column_keys": ["0" * 8]}, "encrypted with another key"),
        ({"files": {"../keys/secret": {"bytes": 1, "sha256": "0" * 64}}}, "outside"),
        ({"files": {"jobs/../../x": {"bytes": 1, "sha256": "0" * 64}}}, "outside"),
        ({"files": {"jobs/1/x": {"bytes": 1, "sha256": "0" * 64}}}, "damaged"),
        ({"more": 1}, "no export"),
    ],
)
def test_hostile_and_foreign_exports_are_refused(tmp_path: Path, change: dict[str, object], told: str) -> None:
    export(tmp_path / "site.zip", files=False)
    with zipfile.ZipFile(tmp_path / "site.zip") as archive:
        manifest = json.loads(archive.read("manifest.json"))
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("manifest.json", json.dumps({**manifest, **change}))
    with pytest.raises(LimbeckError, match=told):
        restore(tmp_path / "bad.zip")


def test_what_is_no_zip_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(LimbeckError, match="no export"):
        restore(tmp_path / "x.zip")


@pytest.mark.django_db(transaction=True)
def test_an_export_with_a_damaged_stream_is_refused(tmp_path: Path) -> None:
    export(tmp_path / "site.zip", files=False)
    content = bytearray((tmp_path / "site.zip").read_bytes())
    with zipfile.ZipFile(tmp_path / "site.zip") as archive:
        member = archive.getinfo("manifest.json")
    start = member.header_offset + 30 + len(member.filename)
    content[start : start + 40] = b"\xff" * 40
    (tmp_path / "site.zip").write_bytes(content)
    with pytest.raises(LimbeckError, match="this is no export of limbeck studio"):
        restore(tmp_path / "site.zip")


@pytest.mark.django_db(transaction=True)
def test_a_site_goes_through_a_file_to_a_new_database_with_equal_hashes(
    tmp_path: Path, own_home: Path, people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = stored(30, audit=0.3)
    for at, one in enumerate(rows[:10]):
        answered(one, people["reviewer"], note="=1+1 “中文”\n\x85 😀", seconds=0.1 + at)
    extra = item(99, extra={"b": 1.0, "a": [1e-7, None, True]})
    extra.save()
    picture = own_home / "uploads" / "pictures" / "aa" / "kept.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_bytes(b"\x89PNG")
    monkeypatch.setattr(
        "limbeck.studio.operations.backup.export.FOLDERS", ("uploads/pictures",)
    )  # models of other tests are not needed
    manifest = export(tmp_path / "site.zip")
    picture.unlink()
    other = tmp_path / "home"
    (other / "keys").mkdir(parents=True, mode=0o700)
    for name, key in (("audit", settings.AUDIT_KEY), ("columns", settings.KEYRING.keys[0].secret)):
        (other / "keys" / name).write_text(key)
        (other / "keys" / name).chmod(0o600)
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "LIMBECK_DATABASE_URL")
    }
    environment["LIMBECK_HOME"] = str(other)
    environment.pop("DJANGO_SETTINGS_MODULE", None)

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "limbeck", "studio", *command]
        return subprocess.run(line, env=environment, capture_output=True, text=True)

    done = run("import", str(tmp_path / "site.zip"))
    assert done.returncode == 0, done.stderr
    assert "the same as exported" in done.stdout
    assert (other / picture.relative_to(own_home)).read_bytes() == b"\x89PNG"
    again = run("export", str(tmp_path / "again.zip"))
    assert again.returncode == 0, again.stderr
    with zipfile.ZipFile(tmp_path / "again.zip") as archive:
        second = json.loads(archive.read("manifest.json"))
    assert second["tables"] == manifest["tables"]
    assert second["files"] == manifest["files"]
    for model in tables():
        told = held(model)
        assert manifest["tables"][model._meta.label_lower]["sha256"] == told.sha256
    checked = run("check")
    assert checked.returncode == 0, checked.stdout
    assert [line.split()[1] for line in checked.stdout.splitlines()] == ["ok"] * 6


@pytest.mark.skipif(connection.vendor != "sqlite", reason="other databases keep their statistics themselves")
def test_sqlite_counts_what_its_indexes_hold_so_that_joins_begin_with_the_small_table() -> None:
    stored(5)
    planner_statistics._counted = float("-inf")
    planner_statistics.refresh()
    with connection.cursor() as cursor:
        counted = cursor.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = %s", [Item._meta.db_table]).fetchall()
    assert counted
