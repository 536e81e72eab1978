"""The queue: each job once, whatever happens to its worker."""

from __future__ import annotations

import datetime
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from limbeck.errors import LimbeckError
from limbeck.events import check, told
from limbeck.studio.accounts.models import User
from limbeck.studio.jobs import queue, services, worker
from limbeck.studio.jobs.kinds import JobKind, job_kinds
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.owners import is_dead, owner_name

pytestmark = pytest.mark.django_db


def job(**values: object) -> Job:
    """Make a job."""
    return Job.objects.create(kind="batch", title="t", **values)


def test_the_oldest_is_claimed_once() -> None:
    first, second = job(), job()
    assert queue.claim("a") == first
    assert queue.claim("b") == second
    assert queue.claim("c") is None


@pytest.mark.django_db(transaction=True)
def test_threads_never_share_a_job() -> None:
    for _ in range(40):
        job()
    claimed: list[int] = []

    def work(owner: str) -> None:
        try:
            while (found := queue.claim(owner)) is not None:
                claimed.append(found.pk)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(f"w{at}",)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while (found := queue.claim("last")) is not None:  # all others had turned to the same candidates
        claimed.append(found.pk)
    assert sorted(claimed) == sorted(Job.objects.values_list("pk", flat=True))


def test_a_heartbeat_keeps_the_lease_and_carries_progress() -> None:
    one = job()
    queue.claim("a")
    assert queue.beat(one, "a", stage="predict", done=5, total=10) is queue.Beat.GO_ON
    one.refresh_from_db()
    assert (one.stage, one.done, one.total, one.share) == ("predict", 5, 10, 0.5)
    assert queue.sweep() == 0
    assert queue.beat(one, "b") is queue.Beat.LOST


def expire(one: Job) -> None:
    """Let the lease of a job end."""
    Job.objects.filter(pk=one.pk).update(lease_until=timezone.now() - datetime.timedelta(seconds=1))


def test_a_silent_worker_loses_its_job_and_cannot_finish_it() -> None:
    one = job()
    queue.claim("a")
    expire(one)
    assert queue.sweep() == 1
    assert queue.claim("b") == one
    assert not queue.finish(one, "a", {"rows": 1})
    assert queue.finish(one, "b", {"rows": 2})
    one.refresh_from_db()
    assert one.result == {"rows": 2}


def test_a_job_that_ends_three_workers_fails_unless_it_comes_further() -> None:
    one = job()
    for attempt in range(queue.MOST_ATTEMPTS):
        assert queue.claim(f"w{attempt}") == one
        expire(one)
        queue.sweep()
    one.refresh_from_db()
    assert (one.state, one.reason) == ("failed", queue.LOST_WORKER)
    other = job()
    for attempt in range(20):
        assert queue.claim(f"w{attempt}") == other
        queue.beat(other, f"w{attempt}", stage="predict", done=attempt, further=True)
        expire(other)
        queue.sweep()
    other.refresh_from_db()
    assert other.state == "queued"


def test_a_job_that_is_run_again_has_come_further_only_beyond_where_it_was() -> None:
    one = job(stage="predict", done=420, total=1000)
    mine = queue.claim("a")
    assert mine is not None
    reported = []
    for stage, done in (("prepare", 0), ("run", 0), ("predict", 420), ("predict", 421)):
        worker.report(mine, "a", worker.Context(stage=stage, done=done, total=None))
        one.refresh_from_db()
        reported.append((one.stage, one.done, one.attempts))
    assert reported == [("predict", 420, 1)] * 3 + [("predict", 421, 0)]


def test_a_job_that_has_come_further_can_be_given_back() -> None:
    one = job()
    queue.claim("a")
    queue.beat(one, "a", stage="predict", done=5, further=True)
    assert queue.release(one, "a")
    one.refresh_from_db()
    assert (one.state, one.attempts) == ("queued", 0)


def test_a_killed_worker_is_noticed_at_once(home: Path) -> None:
    code = "import sys\nfrom limbeck.studio.jobs.owners import owner_name\n"
    code += "import django.conf; django.conf.settings.configure(HOME=sys.argv[1])\n"
    code += "with owner_name() as name:\n    print(name, flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    assert not is_dead(name)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert is_dead(name)
    with owner_name() as mine:
        assert not is_dead(mine)
    assert not is_dead("another-machine-1-2")


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Callable[[Job, worker.Context], dict[str, object]]]]:
    """What a job does, by the key ``run``."""
    done: dict[str, Callable[[Job, worker.Context], dict[str, object]]] = {}
    monkeypatch.setitem(job_kinds(), "batch", replace(job_kinds()["batch"], run=f"{__name__}:run"))
    monkeypatch.setitem(globals(), "run", lambda job, context: done["run"](job, context))
    yield done


def refused(one: Job, context: worker.Context) -> dict[str, object]:
    """Fail for what the user can fix."""
    raise LimbeckError("the table lacks a column", where=one.folder / "input" / "rows.csv", fix="add it")


def damaged(one: Job, context: worker.Context) -> dict[str, object]:
    """Fail for a model that is damaged."""
    raise LimbeckError("cannot be read", where=Path(settings.HOME) / "models" / "reviews")


def broken(one: Job, context: worker.Context) -> dict[str, object]:
    """Fail for a defect."""
    raise ZeroDivisionError


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("does", "state", "reason"),
    [
        (lambda one, context: {"rows": 3}, "finished", ""),
        (refused, "failed", "rows.csv: the table lacks a column; add it"),
        (damaged, "failed", "models/reviews: cannot be read"),
        (broken, "failed", "defect"),
    ],
)
def test_how_jobs_end(runner: dict[str, object], does: object, state: str, reason: str) -> None:
    runner["run"] = does
    one = job()
    assert worker.Worker().run(until_empty=True) == 1
    one.refresh_from_db()
    assert (one.state, one.reason, one.owner) == (state, reason, "")


def until_cancelled(one: Job, context: worker.Context) -> dict[str, object]:
    """Work until somebody asks to stop."""
    with told(None, context.token):
        while True:
            check()
            threading.Event().wait(0.01)


@pytest.mark.django_db(transaction=True)
def test_a_running_job_is_cancelled(runner: dict[str, object], people: dict[str, User], settings: object) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"lease_seconds": 0.2})

    def run(one: Job, context: worker.Context) -> dict[str, object]:
        services.cancel(one, by=people["operator"])
        return until_cancelled(one, context)

    runner["run"] = run
    one = job(created_by=people["operator"])
    worker.Worker().run(until_empty=True)
    one.refresh_from_db()
    assert one.state == "cancelled"
    services.retry(one, by=people["operator"])
    runner["run"] = lambda one, context: {}
    worker.Worker().run(until_empty=True)
    one.refresh_from_db()
    assert one.state == "finished"


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_told_to_end_gives_its_job_back(runner: dict[str, object]) -> None:
    one, own = job(), worker.Worker()

    def run(job: Job, context: worker.Context) -> dict[str, object]:
        own.stop()
        return until_cancelled(job, context)

    runner["run"] = run
    own.run()
    one.refresh_from_db()
    assert (one.state, one.attempts, one.owner) == ("queued", 0, "")


def test_a_waiting_job_is_cancelled_at_once(sign_in: Callable[[str], Client], people: dict[str, User]) -> None:
    one = job(created_by=people["operator"])
    client = sign_in("operator")
    client.post(reverse("job_cancel", args=[one.pk]))
    one.refresh_from_db()
    assert one.state == "cancelled"
    page = client.get(reverse("job", args=[one.pk])).content.decode()
    assert "hx-trigger" not in page  # nothing more will happen
    client.post(reverse("job_delete", args=[one.pk]))
    assert not Job.objects.exists()


def test_a_job_at_work_is_not_deleted(sign_in: Callable[[str], Client], people: dict[str, User]) -> None:
    one = job(created_by=people["operator"], state="running", owner="x")
    sign_in("operator").post(reverse("job_delete", args=[one.pk]))
    assert Job.objects.filter(pk=one.pk).exists()


def test_the_list_shows_progress(sign_in: Callable[[str], Client], people: dict[str, User]) -> None:
    job(created_by=people["operator"], state="running", owner="x", stage="predict", done=25, total=100)
    page = sign_in("operator").get(reverse("jobs"), headers={"HX-Request": "true"}).content.decode()
    assert 'value="0.2500"' in page and "every 2s" in page and "<html" not in page


def run_letters(one: Job, context: worker.Context) -> dict[str, object]:
    """A kind of job that another app adds."""
    context.tell("sort", 3, 3)
    return {"rows": 3}


def summary_letters(one: Job) -> dict[str, object]:
    """What its page shows."""
    return {"title": "Three letters", "text": one.title}


@pytest.mark.django_db(transaction=True)
def test_an_app_adds_a_kind_of_job(
    monkeypatch: pytest.MonkeyPatch, sign_in: Callable[[str], Client], people: dict[str, User]
) -> None:
    config = apps.get_app_config("audit")
    stages = (("sort", "Sorting letters"),)
    kind = JobKind(
        "letters", "Letters", stages, f"{__name__}:run_letters", "parts/empty.html", f"{__name__}:summary_letters"
    )
    monkeypatch.setattr(config, "job_kinds", (kind,), raising=False)
    job_kinds.cache_clear()
    try:
        one = Job.objects.create(kind="letters", title="post", created_by=people["operator"], stage="sort")
        assert (kind.place(""), kind.place("sort"), kind.place("predict")) == (0, 1, -1)
        page = sign_in("operator").get(reverse("job", args=[one.pk])).content.decode()
        assert "Sorting letters" in page and "Three letters" not in page
        worker.Worker().run(until_empty=True)
        page = sign_in("operator").get(reverse("job", args=[one.pk])).content.decode()
        assert "Three letters" in page
        assert "Letters" in sign_in("operator").get(reverse("jobs")).content.decode()
        monkeypatch.setattr(config, "job_kinds", (kind, kind))
        job_kinds.cache_clear()
        with pytest.raises(ValueError, match="letters"):
            job_kinds()
    finally:
        monkeypatch.undo()
        job_kinds.cache_clear()


@pytest.mark.django_db(transaction=True)
def test_a_job_of_a_kind_that_the_site_lost_fails(sign_in: Callable[[str], Client], people: dict[str, User]) -> None:
    one = Job.objects.create(kind="gone", title="t", created_by=people["operator"], stage="x")
    worker.Worker().run(until_empty=True)
    one.refresh_from_db()
    assert (one.state, one.reason) == ("failed", queue.UNKNOWN_KIND)
    assert "does not know this kind of job" in sign_in("operator").get(reverse("job", args=[one.pk])).content.decode()
