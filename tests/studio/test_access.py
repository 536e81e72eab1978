"""Who may open what: every address of the site, for every role, for one's own things and for others'."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from limbeck.studio.accounts.models import User
from limbeck.studio.accounts.services import invite
from limbeck.studio.announcements.models import Announcement
from limbeck.studio.api import services as tokens
from limbeck.studio.api.routes import api
from limbeck.studio.detection.models import Prediction
from limbeck.studio.jobs.models import Job
from limbeck.studio.notices.models import Channel, Delivery
from limbeck.studio.opinions.models import WordList
from limbeck.studio.registry.facts import Version
from limbeck.studio.review.services.adding.send import send_one
from limbeck.studio.roles import ABILITIES, Ability, Role
from studio_tokens import token_of

pytestmark = pytest.mark.django_db
PUBLIC, SIGNED_IN = "public", "signed in"


@dataclass(frozen=True)
class Rule:
    """What an address needs: an ability, and whether the thing must be one's own; ``method`` is how it is tried."""

    needs: str
    method: str = "get"
    arguments: str = ""
    owned: bool = False


READ, DETECT, ADMINISTER = Ability.READ.value, Ability.DETECT.value, Ability.ADMINISTER.value
REVIEW = Ability.REVIEW.value
RULES = {
    "home": Rule(READ),
    "preferences": Rule(PUBLIC, "post"),
    "live": Rule(PUBLIC),
    "ready": Rule(PUBLIC),
    "account_login": Rule(PUBLIC),
    "oidc_start": Rule(PUBLIC, "post"),
    "oidc_callback": Rule(PUBLIC),
    "account_logout": Rule(PUBLIC),
    "account_inactive": Rule(PUBLIC),
    "account_signup": Rule(PUBLIC),
    "account_reset_password": Rule(PUBLIC),
    "account_reset_password_done": Rule(PUBLIC),
    "account_reset_password_from_key": Rule(PUBLIC, arguments="key"),
    "account_reset_password_from_key_done": Rule(PUBLIC),
    "mfa_authenticate": Rule(PUBLIC),
    "mfa_login_webauthn": Rule(PUBLIC, "post"),
    "invitation": Rule(PUBLIC, arguments="invitation"),
    "account_reauthenticate": Rule(SIGNED_IN),
    "account_change_password": Rule(SIGNED_IN),
    "account_set_password": Rule(SIGNED_IN),
    "mfa_index": Rule(SIGNED_IN),
    "mfa_reauthenticate": Rule(SIGNED_IN),
    "mfa_activate_totp": Rule(SIGNED_IN),
    "mfa_deactivate_totp": Rule(SIGNED_IN),
    "mfa_view_recovery_codes": Rule(SIGNED_IN),
    "mfa_generate_recovery_codes": Rule(SIGNED_IN),
    "mfa_download_recovery_codes": Rule(SIGNED_IN),
    "mfa_list_webauthn": Rule(SIGNED_IN),
    "mfa_add_webauthn": Rule(SIGNED_IN),
    "mfa_reauthenticate_webauthn": Rule(SIGNED_IN),
    "mfa_remove_webauthn": Rule(SIGNED_IN, arguments="missing"),
    "mfa_edit_webauthn": Rule(SIGNED_IN, arguments="missing"),
    "usersessions_list": Rule(SIGNED_IN),
    "profile": Rule(READ),
    "own_data": Rule(READ, "post"),
    "tokens": Rule(DETECT),
    "token_revoke": Rule(DETECT, "post", "token", owned=True),
    "users": Rule(ADMINISTER),
    "user_new": Rule(ADMINISTER),
    "user": Rule(ADMINISTER, arguments="user"),
    "user_end_sessions": Rule(ADMINISTER, "post", "user"),
    "user_export": Rule(ADMINISTER, "post", "user"),
    "user_erase": Rule(ADMINISTER, "get", "user"),
    "invitations": Rule(ADMINISTER),
    "invitation_withdraw": Rule(ADMINISTER, "post", "invitation_number"),
    "audit": Rule(ADMINISTER),
    "audit_check": Rule(ADMINISTER, "post"),
    "announcements": Rule(READ),
    "announcement": Rule(READ, arguments="announcement"),
    "announcement_new": Rule(ADMINISTER),
    "announcement_preview": Rule(ADMINISTER, "post"),
    "announcement_edit": Rule(ADMINISTER, arguments="announcement"),
    "announcement_expire": Rule(ADMINISTER, "post", "announcement"),
    "announcement_delete": Rule(ADMINISTER, "post", "announcement"),
    "models": Rule(READ),
    "model": Rule(READ, arguments="model"),
    "model_report": Rule(READ, arguments="version"),
    "model_publish": Rule(ADMINISTER, "post", "version"),
    "model_roll_back": Rule(ADMINISTER, "post", "model"),
    "model_remove": Rule(ADMINISTER, "post", "version"),
    "train": Rule(ADMINISTER),
    "train_start": Rule(ADMINISTER, "post"),
    "train_teachers": Rule(ADMINISTER, "post"),
    "retrain": Rule(ADMINISTER, arguments="model"),
    "automatic": Rule(ADMINISTER, "post", "model"),
    "watch": Rule(ADMINISTER, arguments="model"),
    "compare": Rule(ADMINISTER, arguments="version"),
    "compare_publish": Rule(ADMINISTER, "post", "version"),
    "shadow": Rule(ADMINISTER, "post", "version"),
    "retire": Rule(ADMINISTER, "post", "version"),
    "analysis": Rule(READ),
    "analysis_table": Rule(READ, arguments="chart"),
    "detect": Rule(DETECT),
    "batch": Rule(DETECT, "post"),
    "batch_column": Rule(DETECT, "post"),
    "predictions": Rule(DETECT),
    "prediction": Rule(DETECT, arguments="prediction", owned=True),
    "prediction_picture": Rule(DETECT, arguments="picture", owned=True),
    "prediction_delete": Rule(DETECT, "post", "prediction", owned=True),
    "jobs": Rule(DETECT),
    "job": Rule(DETECT, arguments="job", owned=True),
    "job_cancel": Rule(DETECT, "post", "job", owned=True),
    "job_retry": Rule(DETECT, "post", "job", owned=True),
    "job_delete": Rule(DETECT, "post", "job", owned=True),
    "job_answers": Rule(DETECT, arguments="job_file", owned=True),
    "job_rejected": Rule(DETECT, arguments="job", owned=True),
    "opinion": Rule(REVIEW, arguments="item"),
    "word_lists": Rule(ADMINISTER),
    "word_list": Rule(ADMINISTER, arguments="words"),
    "word_list_apply": Rule(ADMINISTER, "post", "words"),
    "word_list_recipe": Rule(ADMINISTER, arguments="words"),
    "word_list_delete": Rule(ADMINISTER, "post", "words"),
    "word_list_template": Rule(ADMINISTER, arguments="model"),
    "exchange": Rule(ADMINISTER),
    "exchange_upload": Rule(ADMINISTER, "post"),
    "exchange_setup": Rule(ADMINISTER, "post"),
    "exchange_export": Rule(ADMINISTER, "post"),
    "exchange_file": Rule(ADMINISTER, arguments="job"),
    "exchange_errors": Rule(ADMINISTER, arguments="job"),
    "exchange_template": Rule(ADMINISTER, arguments="model"),
    "channels": Rule(ADMINISTER),
    "channel": Rule(ADMINISTER, arguments="channel"),
    "channel_new": Rule(ADMINISTER),
    "channel_edit": Rule(ADMINISTER, arguments="channel"),
    "channel_test": Rule(ADMINISTER, "post", "channel"),
    "channel_delete": Rule(ADMINISTER, "post", "channel"),
    "delivery_again": Rule(ADMINISTER, "post", "delivery"),
    "review_send": Rule(DETECT, "post", "batch", owned=True),
    "review_send_one": Rule(DETECT, "post", "prediction", owned=True),
    "review_items": Rule(REVIEW),
    "review_disputes": Rule(REVIEW),
    "review_decide": Rule(REVIEW, "post", "item"),
    "review_label_errors": Rule(REVIEW),
    "review_label_errors_find": Rule(ADMINISTER, "post"),
    "review_label_error": Rule(REVIEW, "post", "missing"),
    "review_quality": Rule(REVIEW),
    "review_plan": Rule(ADMINISTER),
    "review_assign": Rule(ADMINISTER, "post"),
    "review_unassign": Rule(ADMINISTER, "post", "missing"),
    "review_bulk": Rule(ADMINISTER, "post"),
    "review_gold": Rule(ADMINISTER, "post", "item"),
    "review_item": Rule(REVIEW, arguments="item"),
    "review_give": Rule(REVIEW, "post", "item"),
    "review_appeal": Rule(REVIEW, "post", "item"),
    "review_media": Rule(REVIEW, arguments="item"),
    "review_marks": Rule(REVIEW, arguments="item"),
    "review_queue": Rule(REVIEW),
    "review_next": Rule(REVIEW, "post"),
    "review_answer": Rule(REVIEW, "post"),
    "review_undo": Rule(REVIEW, "post"),
    "review_release": Rule(REVIEW, "post"),
    "api-1:openapi-json": Rule(PUBLIC),
    "api-1:api-root": Rule(PUBLIC),
}
# Operations of the API: method and path -> the scope that the token needs, and that its owner's role must have.
OPERATIONS = {
    "post /detect": DETECT, "get /models": READ, "get /models/{name}": READ, "get /predictions": DETECT,
    "get /predictions/{number}": DETECT, "delete /predictions/{number}": DETECT, "post /batches": DETECT,
    "get /jobs": DETECT, "get /jobs/{number}": DETECT, "post /jobs/{number}/cancel": DETECT,
    "post /jobs/{number}/retry": DETECT, "delete /jobs/{number}": DETECT, "get /jobs/{number}/answers.csv": DETECT,
    "get /announcements": READ, "post /announcements": ADMINISTER, "put /announcements/{number}": ADMINISTER,
    "delete /announcements/{number}": ADMINISTER, "get /people": ADMINISTER, "post /people": ADMINISTER,
    "patch /people/{number}": ADMINISTER, "delete /people/{number}": ADMINISTER, "get /audit": ADMINISTER,
    "post /audit/verify": ADMINISTER, "get /review/items": REVIEW, "get /review/items/{number}": REVIEW,
    "post /review/next": REVIEW, "post /review/answers": REVIEW, "delete /review/answers/{key}": REVIEW,
    "post /review/items/{number}/appeal": REVIEW, "post /review/items/{number}/decision": REVIEW,
    "post /jobs/{number}/review": DETECT, "get /review/quality/{model}": REVIEW,
    "get /channels": ADMINISTER, "post /channels": ADMINISTER,
    "delete /channels/{number}": ADMINISTER, "get /channels/{number}/deliveries": ADMINISTER,
    "post /imports": ADMINISTER, "get /imports/{number}/errors.csv": ADMINISTER, "post /exports": ADMINISTER,
    "get /exports/{number}/file": ADMINISTER, "get /items/{number}/opinions": REVIEW,
    "post /items/{number}/opinions": REVIEW, "get /word-lists": ADMINISTER, "post /word-lists": ADMINISTER,
    "post /word-lists/{number}/apply": ADMINISTER, "delete /word-lists/{number}": ADMINISTER,
    "post /trainings": ADMINISTER, "post /trainings/cold-start": ADMINISTER, "get /models/{name}/drift": ADMINISTER,
    "get /models/{name}/learnable": ADMINISTER, "post /models/{name}/retrain": ADMINISTER,
    "get /models/{name}/versions": READ, "get /models/{name}/versions/{version}": READ,
    "delete /models/{name}/versions/{version}": ADMINISTER,
    "get /models/{name}/versions/{version}/comparison": ADMINISTER,
    "get /models/{name}/versions/{version}/shadow": ADMINISTER,
    "put /models/{name}/versions/{version}/state": ADMINISTER,
    "post /models/{name}/versions/{version}/publish": ADMINISTER, "post /models/{name}/roll-back": ADMINISTER,
    "put /models/{name}/automatic": ADMINISTER, "get /analysis": READ, "get /analysis/{key}.csv": READ,
}  # fmt: skip


def names(patterns: list[URLPattern | URLResolver], prefix: str = "") -> list[str]:
    """Return the names of all addresses."""
    found: list[str] = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            space = f"{pattern.namespace}:" if pattern.namespace else ""
            found += names(pattern.url_patterns, prefix + space)
        else:
            found.append(f"{prefix}{pattern.name}")
    return found


def test_every_address_has_a_rule() -> None:
    pages = {name for name in names(get_resolver().url_patterns) if not name.startswith("api-1:")}
    own = {name for name in RULES if not name.startswith("api-1:")}
    assert pages == own
    paths = api.get_openapi_schema()["paths"]
    there = {f"{verb} {path.removeprefix('/api/v1')}" for path, verbs in paths.items() for verb in verbs}
    assert there == set(OPERATIONS)


@pytest.fixture
def things(people: dict[str, User], model: Version) -> dict[str, list[object]]:
    """What addresses are about: things of ``operator``."""
    owner = people["operator"]
    job = Job.objects.create(kind="batch", title="t", created_by=owner, state="finished", result={"rows": 1})
    values = {
        "model": model.name, "version": model.version, "kind": "text", "content": "c", "label": "good",
        "probability": 0.9, "margin": 0.4, "threshold": 0.5, "created_by": owner,
    }  # fmt: skip
    prediction = Prediction.objects.create(**values)
    announcement = Announcement.objects.create(title="t", body="b")
    invitation, token = invite(Role.VIEWER, by=people["administrator"])
    listed = WordList.objects.create(name="w", model=model.name, entries=[["x", "good", ""]], version="v")
    channel = Channel.objects.create(name="c", url="https://example.org/x", secret="s" * 16)
    delivery = Delivery.objects.create(channel=channel, event="job.failed", state="failed")
    item = send_one(prediction, by=owner)
    access, _ = tokens.create(owner, "script", [Ability.READ], 30)
    return {
        "chart": ["classes"],
        "": [], "key": ["1", "set-password"], "invitation": [token], "invitation_number": [invitation.pk],
        "missing": [99], "token": [access.pk], "user": [people["viewer"].pk], "announcement": [announcement.pk],
        "model": [model.name], "version": [model.name, model.version], "prediction": [prediction.pk],
        "picture": [prediction.pk], "job": [job.pk], "job_file": [job.pk, "csv"], "channel": [channel.pk],
        "delivery": [delivery.pk], "batch": [job.pk], "item": [item.pk], "words": [listed.pk],
    }  # fmt: skip


def may(role: str, needs: str) -> bool:
    """Whether a role is enough."""
    return needs in (PUBLIC, SIGNED_IN) or needs in {ability.value for ability in ABILITIES[Role(role)]}


def status(client: Client, rule: Rule, name: str, things: dict[str, list[object]]) -> int:
    """Try an address, and return its status; 401 stands for being sent to sign in."""
    response = getattr(client, rule.method)(reverse(name, args=things[rule.arguments]))
    sent_away = response.status_code == 302 and response["Location"].startswith(f"{reverse('account_login')}?next=")
    return 401 if sent_away else int(response.status_code)


@pytest.mark.parametrize("name", [name for name in RULES if not name.startswith("api-1:")])
def test_pages(name: str, things: dict[str, list[object]], sign_in: Callable[[str], Client]) -> None:
    rule = RULES[name]
    anonymous = status(Client(), rule, name, things)
    assert (anonymous == 401) == (rule.needs != PUBLIC)
    # The owner comes last: what is tried may delete the thing.
    for role in ("viewer", "other", "reviewer", "administrator", "operator"):
        got = status(sign_in(role), rule, name, things)
        if not may("operator" if role == "other" else role, rule.needs):
            assert got == 403, role
        elif rule.owned and role in ("other", "reviewer"):
            assert got == 404, role
        elif not rule.owned:
            assert got != 403, role
        elif role == "administrator" and name not in ("prediction_picture", "job_answers", "job_rejected"):
            assert got in (200, 302, 404 if name == "token_revoke" else 200), role


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations(operation: str, things: dict[str, list[object]], people: dict[str, User]) -> None:
    verb, path = operation.split(" ")
    missing = path.replace("{number}", "987654").replace("{name}", "nothing")
    client = Client()
    send = getattr(client, verb)
    assert send(f"/api/v1{missing}").status_code == 401
    assert send(f"/api/v1{missing}", headers={"Authorization": "Bearer lbk_wrong"}).status_code == 401
    for role in ("viewer", "operator", "reviewer", "administrator"):
        bearer = {"Authorization": f"Bearer {token_of(people[role], *Ability)}"}
        got = send(f"/api/v1{missing}", headers=bearer).status_code
        assert (got == 403) == (not may(role, OPERATIONS[operation])), role
        narrow = {"Authorization": f"Bearer {token_of(people[role])}"}
        assert send(f"/api/v1{missing}", headers=narrow).status_code == 403, role


def test_others_things_are_missing_in_the_api(things: dict[str, list[object]], people: dict[str, User]) -> None:
    job, prediction = things["job"][0], things["prediction"][0]
    for person, expected in (("other", 404), ("administrator", 200), ("operator", 200)):
        bearer = {"Authorization": f"Bearer {token_of(people[person], *Ability)}"}
        assert Client().get(f"/api/v1/jobs/{job}", headers=bearer).status_code == expected
        assert Client().get(f"/api/v1/predictions/{prediction}", headers=bearer).status_code == expected
        listed = Client().get("/api/v1/predictions", headers=bearer).json()
        assert [one["id"] for one in listed] == ([] if expected == 404 else [prediction])


def test_a_form_without_its_token_is_refused(people: dict[str, User], model: Version) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people["operator"])
    assert client.post(reverse("detect"), {"model": model.name, "text": "x"}).status_code == 403
    assert client.post(reverse("batch"), {"files": io.BytesIO(b"x")}).status_code == 403
