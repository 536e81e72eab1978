"""The loop: a table becomes a model, its reviewed rows the next version; a verdict that was read publishes it."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from limbeck import registry
from limbeck.errors import LimbeckError
from limbeck.recipe import load_recipe
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.models import Entry
from limbeck.studio.detection import services as detection
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Worker
from limbeck.studio.loop import automatic, projects, promote, retrain, watching
from limbeck.studio.loop.comparing import compare
from limbeck.studio.loop.models import Lineage
from limbeck.studio.registry.facts import Version, version_of
from limbeck.studio.review.models import Item
from small import reviews

pytestmark = pytest.mark.django_db(transaction=True)


def table(rows: int = 200) -> SimpleUploadedFile:
    """Return an Excel file of reviews with a label."""
    frame = pl.DataFrame(reviews(rows)).select("text", pl.col("label").cast(pl.String))
    buffer = io.BytesIO()
    frame.write_excel(buffer)
    return SimpleUploadedFile("评论.xlsx", buffer.getvalue())


def items(model: Version, count: int, *, audit: bool, right: bool = True, first: int = 0) -> None:
    """Add reviewed items of a model."""
    for at, row in enumerate(reviews(first + count)[first:]):
        classes = model.manifest.classes
        label = classes[int(row["label"])] if str(row["label"]).isdigit() else str(row["label"])
        final = label if right else next(name for name in classes if name != label)
        Item.objects.create(
            key=f"test:{audit}:{first + at}", kind="text", content=f"{row['text']} {audit}", digest="",
            model=model.name, version=model.version, state="reviewed", audit=audit, inclusion=1.0, final_label=final,
        )  # fmt: skip


def changed(version: Version, folder: Path, threshold: float) -> Path:
    """Return a copy of a bundle with another threshold, which makes it another version."""
    shutil.copytree(version.path, folder)
    facts = json.loads((folder / "bundle.json").read_text("utf-8")) | {"threshold": threshold}
    (folder / "bundle.json").chmod(0o600)
    (folder / "bundle.json").write_text(json.dumps(facts), "utf-8")
    return folder


@pytest.fixture
def own(own_registry: Path, bundles: Callable[[str], Path]) -> Version:
    """A published text model of these tests alone."""
    registry.add(bundles("ngram"), "own")
    return version_of("own")


def test_an_excel_file_becomes_a_published_model_that_answers(
    sign_in: Callable[[str], Client], own_registry: Path
) -> None:
    client = sign_in("administrator")
    page = client.post(reverse("train"), {"table": table(80)})
    assert page.context["form"].initial["label"] == "label"
    asked = {**page.context["form"].initial, "name": "mine", "minutes": 5}
    job = Job.objects.get(pk=client.post(reverse("train_start"), asked).url.strip("/").split("/")[-1])
    Worker().run(until_empty=True)
    job.refresh_from_db()
    assert (job.state, job.reason) == ("finished", "")
    version = version_of("mine")
    assert version.published
    lineage = Lineage.objects.get()
    assert (lineage.origin, lineage.rows, lineage.label_column) == ("table", 80, "label")
    assert pl.read_parquet(lineage.rows_file).columns == ["text", "label"]
    assert Entry.objects.filter(action="model.train").exists()
    assert version.full.split("@")[1][:8] in client.get(reverse("job", args=[job.pk])).content.decode()
    answer = client.post(reverse("detect"), {"model": "mine", "text": reviews(2)[1]["text"]}, follow=True)
    assert answer.status_code == 200
    assert answer.context["prediction"].label in version.manifest.classes
    items(version, 30, audit=False)
    known = retrain.known_of(version)
    assert (known.reviewed, known.old, known.enough) == (30, 80, True)
    again = retrain.retrain(version, minutes=1, lang="en", by=job.created_by)
    assert pl.read_parquet(again.folder / "input" / "rows.parquet").height == 110
    retrain_request = (again.folder / "request.json").read_text("utf-8")
    assert '"label"' in retrain_request


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pl.DataFrame({"text": ["好", "坏"], "label": ["a", "a"]}), "fewer than two classes"),
        (pl.DataFrame({"text": [], "label": []}), "no rows"),
    ],
)
def test_what_cannot_be_learned_from_is_told_at_once(
    sign_in: Callable[[str], Client], frame: pl.DataFrame, told: str
) -> None:
    client = sign_in("administrator")
    given = SimpleUploadedFile("rows.csv", frame.write_csv().encode())
    page = client.post(reverse("train"), {"table": given})
    if "looked" in page.context:
        first = page.context["form"].initial
        page = client.post(reverse("train_start"), {**first, "label": "label"})
    assert page.status_code in (200, 422)
    assert told in page.content.decode()
    assert not Job.objects.exists()


@pytest.mark.parametrize("name", ["模" * 40, "a..b", "a.", "../a"])
def test_a_name_that_the_registry_refuses_is_refused_before_training(
    sign_in: Callable[[str], Client], name: str
) -> None:
    client = sign_in("administrator")
    first = client.post(reverse("train"), {"table": table(20)}).context["form"].initial
    page = client.post(reverse("train_start"), {**first, "label": "label", "name": name})
    assert page.status_code == 422
    assert "Enter a valid value" in page.content.decode()
    assert not Job.objects.exists()


def test_only_administrators_train(sign_in: Callable[[str], Client]) -> None:
    for role in ("viewer", "operator", "reviewer"):
        assert sign_in(role).get(reverse("train")).status_code == 403


def test_a_version_whose_rows_are_not_known_teaches_the_next_one(own: Version, people: dict[str, User]) -> None:
    items(own, 20, audit=False)
    for row in reviews(140)[60:]:
        Item.objects.create(kind="text", content=row["text"], digest="", model=own.name, version=own.version)
    items(own, 10, audit=True)
    job = retrain.retrain(own, minutes=1, lang="en", by=people["administrator"])
    recipe = load_recipe(job.folder / "input" / "recipe.toml")
    assert [one.source for one in recipe.teachers] == [f"bundle:{own.path}"]
    assert recipe.objective.losses.keys() == {"hard", "distil"}
    rows = pl.read_parquet(job.folder / "input" / recipe.data.train)
    labelled = rows.filter(pl.col("label").is_not_null())
    assert (rows.height, labelled.height) == (110, 30)
    assert set(labelled.filter(pl.col("split") == "test")["text"].str.ends_with("True")) == {True}
    assert (
        not labelled.filter(pl.col("split") != "test")["text"].str.ends_with("True").any()
    )  # audited rows teach nothing
    assert job.parameters["lineage"]["reviewed"] == 20


def test_too_little_to_learn_from_and_teachers_that_differ_are_refused(own: Version, people: dict[str, User]) -> None:
    with pytest.raises(LimbeckError, match="too few reviewed rows"):
        retrain.retrain(own, minutes=1, lang="en", by=people["administrator"])
    with pytest.raises(LimbeckError, match="Too few rows came in"):
        retrain.cold_start("new", [own], own, lang="en", by=people["administrator"])
    assert not Job.objects.exists()


def test_a_new_model_is_tested_on_the_audit_sample_of_the_rows_that_it_learns_on(
    own: Version, bundles: Callable[[str], Path], people: dict[str, User]
) -> None:
    registry.add(bundles("ngram"), "source")
    source = version_of("source")
    for row in reviews(60):
        Item.objects.create(kind="text", content=row["text"], digest="", model="source", version=source.version)
    items(source, 10, audit=True)
    job = retrain.cold_start("new", [own, source], source, lang="en", by=people["administrator"])
    rows = pl.read_parquet(job.folder / "input" / "rows.parquet")
    assert rows.filter(pl.col("split") == "test").height == 10


@pytest.fixture
def candidate(own: Version, tmp_path: Path) -> Version:
    """A version that calls nearly every row negative."""
    bundle = changed(own, tmp_path / "candidate", 0.999)
    return version_of("own", registry.add(bundle, "own").version)


def test_a_worse_candidate_is_told_to_be_worse_and_published_only_on_purpose(
    own: Version, candidate: Version, people: dict[str, User], sign_in: Callable[[str], Client]
) -> None:
    items(own, 60, audit=True)
    found = compare(own, candidate)
    assert found.verdict.state == "worse"
    assert found.accuracy[0] > found.accuracy[1]
    assert all(row.truth == row.current for row in found.differing[:3])
    client, address = sign_in("administrator"), reverse("compare_publish", args=["own", candidate.version])
    page = client.get(reverse("compare", args=["own", candidate.version])).content.decode()
    assert found.sentence("en")[:6] == "Worse:"
    assert "Worse:" in page
    asked = {"read": "worse", "current": own.version}
    assert client.post(address, asked).status_code == 422
    assert client.post(address, {**asked, "read": "better", "reason": "why"}).status_code == 422
    assert client.post(address, {**asked, "current": "0" * 16, "reason": "why"}).status_code == 422
    assert client.post(address, {**asked, "reason": "  "}).status_code == 422
    assert version_of("own").version == own.version
    assert client.post(address, {**asked, "reason": "fewer false alarms"}).status_code == 302
    assert version_of("own").version == candidate.version
    entry = Entry.objects.filter(action="model.publish").latest("number")
    assert (entry.details["verdict"], entry.details["instead_of"]) == ("worse", own.version)
    assert entry.details["reason"] == "fewer false alarms"
    assert promote.state_of(version_of("own", own.version)) == "retired"


def test_a_better_version_is_published_by_itself_only_where_that_is_switched_on(
    own: Version, candidate: Version, sign_in: Callable[[str], Client]
) -> None:
    client = sign_in("administrator")
    registry.promote(candidate.full)  # the worse one is in use
    current, better = version_of("own"), version_of("own", own.version)
    items(current, 300, audit=True)
    # As if it had been trained here after the one in use, and never published.
    (better.path.parent / "current.json").write_text(json.dumps(history_of(better.path.parent, candidate)), "utf-8")
    Lineage.objects.create(model="own", version=better.version, parent=current.version)
    automatic.look()
    assert version_of("own").version == current.version
    client.post(reverse("automatic", args=["own"]), {"on": "1"})
    assert "badge bg-green-lt" in client.get(reverse("retrain", args=["own"])).content.decode()
    automatic.look()
    assert version_of("own").version == better.version
    entry = Entry.objects.filter(action="model.publish").latest("number")
    assert (entry.actor, entry.details["automatic"], entry.details["verdict"]) == (None, True, "better")
    client.post(reverse("automatic", args=["own"]), {})
    assert not automatic.is_on("own")
    found = compare(current, better)
    assert automatic.allowed(found)
    assert not automatic.allowed(replace(found, verdict=replace(found.verdict, rows=automatic.ROWS - 1)))
    loses = replace(found.classes[0], rows=automatic.CLASS_ROWS, current=0.9, candidate=0.8)
    assert not automatic.allowed(replace(found, classes=[loses]))
    assert automatic.publish_where_better("own") is None  # nothing is left to publish


def history_of(folder: Path, version: Version) -> dict[str, object]:
    """Return the content of current.json with one version alone."""
    told = json.loads((folder / "current.json").read_text("utf-8"))
    return {**told, "history": [one for one in told["history"] if one["version"] == version.version]}


def test_audited_rows_that_a_version_learned_from_do_not_count(own: Version, candidate: Version) -> None:
    for at, row in enumerate(reviews(400)[:100]):
        Item.objects.create(
            key=f"seen:{at}", kind="text", content=row["text"], digest="", model="own", state="reviewed", audit=True,
            final_label=own.manifest.classes[0],
        )  # fmt: skip
    found = compare(own, candidate)
    assert found.learned > 50
    assert found.verdict.rows == 100 - found.learned


def test_rows_without_an_answer_are_no_hits(own: Version, candidate: Version) -> None:
    items(own, 20, audit=True)
    Item.objects.create(
        key="empty", kind="text", content=" ", digest="", model="own", state="reviewed", audit=True,
        final_label=own.manifest.classes[0],
    )  # fmt: skip
    found = compare(own, candidate)
    first = found.classes[0]
    assert first.current is not None
    assert first.current <= (first.rows - 1) / first.rows
    assert found.verdict.rows == 21


def test_states_of_versions(own: Version, candidate: Version, people: dict[str, User]) -> None:
    assert promote.state_of(own) == "published"
    assert promote.state_of(candidate) == "candidate"
    promote.set_shadow(candidate, True, by=people["administrator"])
    assert promote.state_of(candidate) == "shadow"
    promote.set_shadow(candidate, False, by=people["administrator"])
    assert promote.state_of(candidate) == "candidate"


def test_a_token_of_somebody_else_stands_for_nothing(people: dict[str, User]) -> None:
    kept = projects.stage(table(5))
    assert projects.Table.of(kept.token(people["other"]), people["administrator"]) is None
    assert projects.Table.of(kept.token(people["other"]), people["other"]) == kept
    projects.discard(kept)
    assert not (settings.HOME / "jobs" / kept.folder.name).exists()


def answers(own: Version, texts: list[str], by: User) -> None:
    """Keep the model's answers to texts."""
    detection.ask(own, [detection.text_row(text) for text in texts], by=by, explain=False)


def test_changed_rows_are_told_with_the_words_that_changed(
    own: Version, people: dict[str, User], sign_in: Callable[[str], Client]
) -> None:
    answers(own, [row["text"] for row in reviews(watching.WINDOW, seed=5)], people["operator"])
    page = sign_in("administrator").get(reverse("watch", args=["own"]))
    assert page.context["found"].before is None
    answers(own, [f"房间 酒店 早餐 {row['text'][:3]}" for row in reviews(watching.WINDOW, seed=6)], people["operator"])
    found = watching.watched(own)
    assert found.before.drifted
    assert {word.word for word in found.words if word.z > 0} >= {"酒店", "早餐"}
    assert found.drift.drifted
    told = sign_in("administrator").get(reverse("watch", args=["own"])).content.decode()
    assert "酒店" in told
    assert "Drifted" in told


def test_a_model_without_answers_has_a_page(own: Version, sign_in: Callable[[str], Client]) -> None:
    page = sign_in("administrator").get(reverse("watch", args=["own"]))
    assert "too few answers" in page.content.decode()
