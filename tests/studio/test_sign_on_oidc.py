"""Signing in by OpenID Connect, against django-allauth's provider in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from pydantic import SecretStr

from limbeck.studio.accounts.models import User
from limbeck.studio.audit.models import Entry
from limbeck.studio.roles import Ability, Role
from oidc_provider import CLIENT, PASSWORD, SECRET
from studio.conftest import PASSWORD as LOCAL
from studio.conftest import is_signed_in, person
from studio.test_api import Program
from studio_tokens import token_of

pytestmark = pytest.mark.django_db
ROLES = {"moderators": Role.REVIEWER, "admins": Role.ADMINISTRATOR}
PEOPLE = {
    "wang": {"name": "王芳", "groups": ["moderators"], "email": "wang@example.org", "email_verified": True},
    "lin": {"groups": ["admins", "moderators"]},
    "zhao": {"groups": []},
}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a provider that runs."""
    folder = tmp_path_factory.mktemp("provider")
    (folder / "people.json").write_text(json.dumps(PEOPLE))
    command = [sys.executable, Path(__file__).parents[1] / "oidc_provider.py", folder]
    with subprocess.Popen([*command, f"http://testserver{reverse('oidc_callback')}"]) as process:
        try:
            until = time.monotonic() + 60
            while not (folder / "address").exists():
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.02)
            yield folder
        finally:
            process.kill()


@pytest.fixture
def configured(provider: Path, configure: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """A site with this provider; a function that changes its settings."""
    configure(
        oidc_issuer=(provider / "address").read_text(), oidc_client_id=CLIENT, oidc_client_secret=SecretStr(SECRET),
        oidc_roles=ROLES, oidc_name="Example",
    )  # fmt: skip
    yield configure
    (provider / "people.json").write_text(json.dumps(PEOPLE))
    (provider / "token.json").unlink(missing_ok=True)


def begin(client: Client, **values: str) -> dict[str, Any]:
    """Press the button, and return the address of the provider and its parameters."""
    page = client.post(reverse("oidc_start"), values)
    assert page.status_code == 200, page
    address = page.context["address"]
    return {"address": address, **{name: found[0] for name, found in parse_qs(urlsplit(address).query).items()}}


def at_the_provider(name: str, address: str) -> str:
    """Sign in at the provider, and return the address to which it sends back."""
    with httpx.Client() as browser:
        page = browser.get(address, follow_redirects=True)
        form = {"login": name, "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        response = browser.post(page.url, data=form)
        while response.has_redirect_location and not response.headers["location"].startswith("http://testserver"):
            response = browser.get(response.url.join(response.headers["location"]))
        assert response.has_redirect_location, response.text
        return str(response.headers["location"])


def come_back(client: Client, address: str) -> Any:
    """Follow the way back to this site."""
    return client.get(f"{urlsplit(address).path}?{urlsplit(address).query}")


def sign_in(name: str, client: Client | None = None, **values: str) -> Client:
    """Go the whole way."""
    client = client or Client()
    client.answer = come_back(client, at_the_provider(name, begin(client, **values)["address"]))  # type: ignore[attr-defined]
    return client


def told(client: Client) -> str:
    """What the sign-in page says."""
    page = client.get(reverse("account_login"))
    return " ".join(str(message) for message in get_messages(page.wsgi_request)) or page.content.decode()


def actions() -> list[tuple[str, str]]:
    """What the audit log holds, with the reason or role."""
    found = Entry.objects.order_by("number").values_list("action", "details")
    return [(action, details.get("reason") or details.get("role") or "") for action, details in found]


def test_a_person_signs_in_with_the_role_of_the_groups(configured: Callable[..., None]) -> None:
    client = sign_in("wang", next=reverse("review_queue"))
    assert client.answer["Location"] == reverse("review_queue") and is_signed_in(client)
    user = User.objects.get()
    assert (user.username, user.name, user.email, user.role) == ("wang", "王芳", "wang@example.org", "reviewer")
    assert not user.has_usable_password()
    assert actions() == [("account.register", "reviewer"), ("account.sign_in", "")]
    sign_in("lin")
    assert User.objects.get(username="lin").role == "administrator"  # the highest of two
    sign_in("zhao")
    assert User.objects.get(username="zhao").role == "viewer"


def test_the_button_names_the_provider_and_the_policy_stays_strict(configured: Callable[..., None]) -> None:
    page = Client().get(reverse("account_login"))
    assert "Sign in with Example" in page.content.decode()
    chinese = Client(headers={"Accept-Language": "zh-hans"})
    assert "Example" in chinese.get(reverse("account_login")).content.decode()
    leaving = chinese.post(reverse("oidc_start"))
    assert "form-action 'self';" in leaving["Content-Security-Policy"] == page["Content-Security-Policy"]
    assert '<meta http-equiv="refresh" content="0; url=http' in leaving.content.decode()


def test_roles_follow_the_groups_at_each_sign_in(configured: Callable[..., None], provider: Path) -> None:
    sign_in("lin")
    sign_in("wang")
    for groups, role in ((["admins"], "administrator"), ([], "viewer")):
        (provider / "people.json").write_text(json.dumps(PEOPLE | {"wang": {"groups": groups}}))
        sign_in("wang")
        assert User.objects.get(username="wang").role == role
    assert ("account.role", "administrator") in actions() and ("account.role", "viewer") in actions()
    configured(sso_default_role=None)
    assert "groups" in told(sign_in("wang"))
    assert actions()[-1] == ("account.refused", "role")


def test_the_last_administrator_stays_one(configured: Callable[..., None], provider: Path) -> None:
    sign_in("lin")
    (provider / "people.json").write_text(json.dumps(PEOPLE | {"lin": {"groups": []}}))
    assert is_signed_in(sign_in("lin"))
    assert User.objects.get(username="lin").role == "administrator"


def test_without_a_mapping_roles_are_given_here(configured: Callable[..., None]) -> None:
    configured(oidc_roles={})
    sign_in("lin")
    User.objects.update(role="operator")
    sign_in("lin")
    assert User.objects.get().role == "operator"


def test_a_claim_may_be_inside_another(configured: Callable[..., None], provider: Path) -> None:
    configured(oidc_groups="realm_access.roles")
    (provider / "people.json").write_text(json.dumps(PEOPLE | {"zhao": {"realm_access": {"roles": ["moderators"]}}}))
    sign_in("zhao")
    assert User.objects.get().role == "reviewer"


def test_who_is_disabled_here_stays_out(configured: Callable[..., None]) -> None:
    sign_in("wang")
    User.objects.update(is_active=False)
    client = sign_in("wang")
    assert not is_signed_in(client) and "disabled" in told(client)
    assert User.objects.count() == 1 and actions()[-1] == ("account.refused", "disabled")


def test_new_people_only_where_the_settings_say(configured: Callable[..., None]) -> None:
    sign_in("wang")
    configured(sso_create=False)
    assert is_signed_in(sign_in("wang"))
    client = sign_in("zhao")
    assert not is_signed_in(client) and "no account" in told(client) and User.objects.count() == 1


def test_an_equal_e_mail_address_or_name_takes_no_account_over(configured: Callable[..., None]) -> None:
    own = person("wang", "administrator")  # wang@example.org
    sign_in("wang")
    new = User.objects.exclude(pk=own.pk).get()
    assert new.username != "wang" and new.role == "reviewer"


@pytest.mark.parametrize("verified", [True, False])
def test_a_verified_address_is_joined_if_that_is_allowed(
    configured: Callable[..., None], provider: Path, verified: bool
) -> None:
    configured(sso_link=True)
    claims = PEOPLE["wang"] | {"email_verified": verified}
    (provider / "people.json").write_text(json.dumps(PEOPLE | {"wang": claims}))
    own = person("somebody", "operator")
    User.objects.update(email="WANG@example.org")
    before = Client()
    before.force_login(own)
    token_of(own, Ability.READ)
    assert is_signed_in(sign_in("wang"))
    assert User.objects.count() == (1 if verified else 2)
    own.refresh_from_db()
    assert own.has_usable_password() is own.tokens.exists() is not verified  # who else knew them is shut out
    assert is_signed_in(before) is not verified


def test_a_disabled_address_gets_no_new_account(configured: Callable[..., None]) -> None:
    User.objects.create(username="x", email="wang@example.org", is_active=False)
    assert not is_signed_in(sign_in("wang")) and User.objects.count() == 1


def test_an_account_of_the_provider_has_no_password_here(configured: Callable[..., None]) -> None:
    sign_in("wang")
    user = User.objects.get()
    user.set_password(LOCAL)
    user.save()
    client = sign_in("wang")
    other = Client()
    other.post(reverse("account_login"), {"login": "wang", "password": LOCAL})
    assert not is_signed_in(other)
    assert client.get(reverse("account_change_password")).status_code == 404
    assert "organisation" in client.get(reverse("profile")).content.decode()
    admin = sign_in("lin")
    form = admin.get(reverse("user", args=[user.pk])).context["form"]
    assert "password" not in form.fields and form.fields["role"].disabled
    program = Program(User.objects.get(username="lin"))
    for change in ({"must_change_password": True}, {"role": "viewer"}):
        assert program.send("patch", f"/people/{user.pk}", change)[0] == 409
    assert program.send("patch", f"/people/{user.pk}", {"name": "王"})[0] == 200


def test_sign_in_by_password_can_be_switched_off(configured: Callable[..., None]) -> None:
    person("local", "administrator")
    configured(password_sign_in=False)
    client = Client()
    assert b'name="password"' not in client.get(reverse("account_login")).content
    client.post(reverse("account_login"), {"login": "local", "password": LOCAL})
    assert not is_signed_in(client)
    for name in ("account_reset_password", "mfa_login_webauthn"):
        assert client.get(reverse(name)).status_code == 404
    assert client.get(reverse("account_signup")).templates[0].name == "account/signup_closed.html"
    assert is_signed_in(sign_in("wang"))


@pytest.mark.parametrize("changed", ["nonce", "code_challenge", "state"])
def test_an_answer_to_another_request_is_refused(configured: Callable[..., None], changed: str) -> None:
    client = Client()
    asked = begin(client)
    assert asked["code_challenge_method"] == "S256" and asked["response_type"] == "code"
    address = asked.pop("address").split("?")[0]
    other = begin(Client())[changed]  # of somebody else's request
    client_back = at_the_provider("wang", f"{address}?{urlencode(asked | {changed: other})}")
    come_back(client, client_back)
    assert not is_signed_in(client) and not User.objects.exists() and "provider failed" in told(client)


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another site"}, {"iss": "https://evil.example.org"}, {"exp": 1}, {"sign": "other"}, {"sub": "99"},
        {"azp": "another site"}, {"nonce": None},
    ],
)  # fmt: skip
def test_an_id_token_that_does_not_fit_is_refused(
    configured: Callable[..., None], provider: Path, changed: dict[str, Any]
) -> None:
    (provider / "token.json").write_text(json.dumps(changed))
    client = sign_in("wang")
    assert not is_signed_in(client) and not User.objects.exists() and "provider failed" in told(client)


def test_a_code_serves_once(configured: Callable[..., None]) -> None:
    client = Client()
    answer = at_the_provider("wang", begin(client)["address"])
    come_back(client, answer)
    assert is_signed_in(client)
    again = Client()
    come_back(again, answer)
    assert not is_signed_in(again)


def test_a_provider_that_refuses_or_is_away_sends_back(configured: Callable[..., None]) -> None:
    client = Client()
    asked = begin(client)
    come_back(client, f"http://testserver{reverse('oidc_callback')}?error=access_denied&state={asked['state']}")
    assert "provider failed" in told(client)
    configured(oidc_issuer="http://127.0.0.1:9")
    assert client.post(reverse("oidc_start")).status_code == 302
    assert "provider failed" in told(client)


def test_only_the_named_issuer_is_believed(configured: Callable[..., None], settings: Any) -> None:
    configured(oidc_issuer=settings.CONFIG.oidc_issuer + "/")  # it names itself without the slash
    client = Client()
    assert client.post(reverse("oidc_start")).status_code == 302 and "provider failed" in told(client)


def test_without_a_provider_there_is_no_way_to_it() -> None:
    assert Client().post(reverse("oidc_start")).status_code == 404
    assert Client().get(reverse("oidc_callback")).status_code == 404
    assert reverse("oidc_start") not in Client().get(reverse("account_login")).content.decode()
