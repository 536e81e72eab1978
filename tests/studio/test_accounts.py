"""Registering, signing in, invitations, lost and wrong passwords, roles, erasing."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from limbeck.errors import LimbeckError
from limbeck.studio.accounts import services
from limbeck.studio.accounts.forms import PASSWORD_HELP
from limbeck.studio.accounts.models import Attempt, Invitation, User
from limbeck.studio.audit.models import Entry
from limbeck.studio.jobs import services as jobs
from limbeck.studio.roles import Ability, Role
from studio.conftest import PASSWORD
from studio_tokens import token_of

pytestmark = pytest.mark.django_db


def register(client: Client, username: str, **values: str) -> object:
    """Send the form of registration."""
    data = {"username": username, "password1": PASSWORD, "password2": PASSWORD, **values}
    return client.post(reverse("account_signup"), data)


def sign_in_as(name: str, password: str, client: Client | None = None) -> object:
    """Send the form of sign-in."""
    return (client or Client()).post(reverse("account_login"), {"login": name, "password": password})


def signed_in(client: Client) -> bool:
    """Whether a browser is signed in."""
    return bool(client.get(reverse("home")).status_code == 200)


def test_who_registers_is_signed_in_and_an_operator() -> None:
    client = Client()
    register(client, "wang", name="王芳", email="wang@example.org")
    user = User.objects.get(username="wang")
    assert signed_in(client)
    assert (user.role, user.name, user.email) == ("operator", "王芳", "wang@example.org")
    assert list(Entry.objects.order_by("number").values_list("action", flat=True)) == [
        "account.register",
        "account.sign_in",
    ]


@pytest.mark.parametrize("password", ["short", "1234567890123", "password123", "wang-wang-1"])
def test_weak_passwords_are_refused(password: str) -> None:
    Client().post(reverse("account_signup"), {"username": "wang-wang", "password1": password, "password2": password})
    assert not User.objects.exists()


def test_the_set_up_link_makes_one_administrator() -> None:
    token = services.setup_token()
    assert token is not None
    first, second = Client(), Client()
    for client in (first, second):  # both open the link before either registers
        client.get(reverse("invitation", args=[token]), follow=True)
    register(first, "first")
    assert User.objects.get(username="first").role == Role.ADMINISTRATOR
    assert services.setup_token() is None
    register(second, "second")
    assert User.objects.get(username="second").role == Role.OPERATOR
    assert Client().get(reverse("invitation", args=[token])).status_code == 404


def test_a_new_set_up_link_replaces_the_one_before() -> None:
    one, two = services.setup_token(), services.setup_token()
    assert one and two
    assert services.find_invitation(one) is None
    assert services.find_invitation(two) is not None


def invited_only(settings: object) -> None:
    """Let only invited people register."""
    config = settings.CONFIG.model_copy(update={"registration": "invited"})
    settings.CONFIG = config


def test_by_invitation_only(settings: object, people: dict[str, User]) -> None:
    invited_only(settings)
    client = Client()
    assert "By invitation only" in client.get(reverse("account_signup")).content.decode()
    register(client, "guest")
    assert not User.objects.filter(username="guest").exists()
    _, token = services.invite(Role.REVIEWER, by=people["administrator"])
    client.get(reverse("invitation", args=[token]))
    register(client, "guest")
    assert User.objects.get(username="guest").role == "reviewer"


def test_an_invitation_ends(settings: object, people: dict[str, User]) -> None:
    invitation, token = services.invite(Role.REVIEWER, by=people["administrator"])
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now() - datetime.timedelta(seconds=1))
    assert Client().get(reverse("invitation", args=[token])).status_code == 404


def test_the_sixth_wrong_password_is_refused_for_that_name_alone(people: dict[str, User]) -> None:
    pages = []
    for name in ("operator", "nobody-of-this-name"):
        for _ in range(5):
            sign_in_as(name, "wrong password")
        right = Client()
        page = sign_in_as(name, PASSWORD, right)
        assert not signed_in(right)
        pages.append(re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.content.decode()).replace(name, ""))
    assert pages[0] == pages[1]  # nothing tells whether the account exists
    other = Client()
    sign_in_as("viewer", PASSWORD, other)
    assert signed_in(other)
    Attempt.objects.update(at=timezone.now() - datetime.timedelta(minutes=5, seconds=1))
    later = Client()
    sign_in_as("operator", PASSWORD, later)
    assert signed_in(later)


def test_right_passwords_do_not_count(people: dict[str, User]) -> None:
    for _ in range(8):
        client = Client()
        sign_in_as("operator", PASSWORD, client)
        assert signed_in(client)
    assert not Attempt.objects.exists()


def test_a_disabled_person_cannot_go_on(people: dict[str, User], sign_in: Callable[[str], Client]) -> None:
    client = sign_in("operator")
    admin = sign_in("administrator")
    values = {"username": "operator", "role": "operator", "email": "", "name": "", "phone": ""}
    admin.post(reverse("user", args=[people["operator"].pk]), values)  # "may sign in" is left out
    assert not signed_in(client)
    fresh = Client()
    sign_in_as("operator", PASSWORD, fresh)
    assert not signed_in(fresh)


def test_a_password_from_an_administrator_is_changed_first(sign_in: Callable[[str], Client]) -> None:
    admin = sign_in("administrator")
    values = {
        "username": "new", "password": "given by hand 1", "role": "operator", "is_active": "on",
        "must_change_password": "on", "name": "新人", "email": "", "phone": "+86 138 0000 0000",
    }  # fmt: skip
    assert admin.post(reverse("user_new"), values).status_code == 302
    client = Client()
    sign_in_as("new", "given by hand 1", client)
    assert client.get(reverse("detect"))["Location"] == reverse("account_change_password")
    change = {"oldpassword": "given by hand 1", "password1": "an own one 22", "password2": "an own one 22"}
    client.post(reverse("account_change_password"), change)
    assert not User.objects.get(username="new").must_change_password


def test_somebody_stays_administrator(people: dict[str, User]) -> None:
    admin = people["administrator"]
    admin.role = "viewer"
    with pytest.raises(LimbeckError, match="administrator"):
        services.save_user(admin, by=admin, changed=["role"])
    with pytest.raises(LimbeckError, match="administrator"):
        services.erase(User.objects.get(pk=admin.pk), by=admin)
    assert User.objects.get(pk=admin.pk).role == "administrator"


def test_erasing_leaves_acts_but_no_name(people: dict[str, User], sign_in: Callable[[str], Client]) -> None:
    person, admin = people["operator"], sign_in("administrator")
    sign_in_as("operator", PASSWORD)
    token_of(person, Ability.READ)
    admin.post(reverse("user_erase", args=[person.pk]))
    person.refresh_from_db()
    assert (person.name, person.email, person.is_active, person.username) == ("", "", False, f"erased-{person.pk}")
    assert Entry.objects.filter(actor=person.pk).exists()
    assert not person.usersession_set.exists() and not person.tokens.exists()
    stored = json.dumps(list(Entry.objects.values("details", "target")), default=str)
    assert "example.org" not in stored and "Operator" not in stored


def test_personal_data_are_whole(people: dict[str, User]) -> None:
    client = Client()
    sign_in_as("operator", PASSWORD, client)
    jobs.create("batch", "评论.xlsx", {}, by=people["operator"])
    text = token_of(people["operator"], Ability.READ)
    response = client.post(reverse("own_data"))
    assert text not in response.content.decode()
    found = json.loads(response.content)
    assert found["profile"]["email"] == "operator@example.org"
    assert [act["action"] for act in found["acts"]] == [
        "account.sign_in", "job.create", "token.create", "account.export",
    ]  # fmt: skip
    assert [job["title"] for job in found["jobs"]] == ["评论.xlsx"]
    assert [token["scopes"] for token in found["tokens"]] == [["read"]]
    assert len(found["sessions"]) == 1


def test_an_administrator_signs_a_person_out(people: dict[str, User], sign_in: Callable[[str], Client]) -> None:
    client = Client()
    sign_in_as("operator", PASSWORD, client)
    sign_in("administrator").post(reverse("user_end_sessions", args=[people["operator"].pk]))
    assert not signed_in(client)
    assert not Session.objects.filter(session_key=client.session.session_key).exists() or not signed_in(client)


def test_a_forgotten_password(people: dict[str, User], settings: object) -> None:
    settings.EMAIL_HOST = "mail.example.org"
    answers = set()
    for address in ("operator@example.org", "nobody@example.org"):
        answers.add(Client().post(reverse("account_reset_password"), {"email": address})["Location"])
    assert len(answers) == 1
    assert [message.to for message in mail.outbox] == [["operator@example.org"]]
    link = re.search(r"https?://\S+?(/\S+)", mail.outbox[0].body)
    assert link is not None
    client = Client()
    page = client.get(link[1], follow=True)
    new = {"password1": "another one 33", "password2": "another one 33"}
    client.post(page.redirect_chain[-1][0], new)
    fresh = Client()
    sign_in_as("operator", "another one 33", fresh)
    assert signed_in(fresh)
    assert Entry.objects.filter(action="account.new_password").exists()


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_who_has_no_password_sets_one_on_the_page_where_others_change_theirs(
    people: dict[str, User], sign_in: Callable[[str], Client], language: str
) -> None:
    client, person = sign_in("operator"), people["operator"]
    client.cookies["language"] = language
    changed = client.get(reverse("account_change_password"))
    assert b'name="oldpassword"' in changed.content
    person.set_unusable_password()
    person.save()
    client.force_login(person)
    page = client.get(reverse("account_change_password"), follow=True)
    assert page.redirect_chain[-1][0] == reverse("account_set_password")
    assert b'name="oldpassword"' not in page.content and b"card-title" in page.content
    with translation.override(language):
        assert all(str(PASSWORD_HELP) in one.content.decode() for one in (changed, page))
    assert b"placeholder" not in changed.content + page.content
    client.post(reverse("account_set_password"), {"password1": "an own one 22", "password2": "an own one 22"})
    assert User.objects.get(pk=person.pk).check_password("an own one 22")


def test_a_second_factor(people: dict[str, User]) -> None:
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

    client = Client()
    sign_in_as("operator", PASSWORD, client)
    assert "account/confirm" in client.get(reverse("mfa_activate_totp"))["Location"]  # the password is asked again
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    code = format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))
    page = client.post(reverse("mfa_activate_totp"), {"code": code})
    assert page.status_code == 302, page.context["form"].errors
    assert Entry.objects.filter(action="account.factor_add").exists()
    fresh = Client()
    sign_in_as("operator", PASSWORD, fresh)
    assert not signed_in(fresh)


def test_only_fields_of_the_form_are_taken(sign_in: Callable[[str], Client], people: dict[str, User]) -> None:
    sign_in("operator").post(reverse("profile"), {"name": "x", "email": "", "phone": "", "role": "administrator"})
    assert User.objects.get(pk=people["operator"].pk).role == "operator"


def test_config_is_frozen(settings: object) -> None:
    with pytest.raises((ValueError, dataclasses.FrozenInstanceError)):
        settings.CONFIG.registration = "open"


@pytest.mark.django_db
def test_people_are_found_whatever_the_case_of_their_name_and_address() -> None:
    """MariaDB compares by a binary collation, where LIKE alone tells cases apart."""
    User.objects.create(username="Chen", name="陈 100%", email="Chen@Example.org")
    for wanted in ({"email__iexact": "cHEN@example.ORG"}, {"username__icontains": "HE"}, {"name__icontains": "0%"}):
        assert User.objects.filter(**wanted).count() == 1, wanted
    for other in ({"email__iexact": "chen@example_org"}, {"email__iexact": "chen"}, {"name__icontains": "1_0"}):
        assert not User.objects.filter(**other).exists(), other
