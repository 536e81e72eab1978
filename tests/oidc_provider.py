"""A real OpenID Connect provider for tests: django-allauth's, in a process and a Django site of its own.

    python tests/oidc_provider.py FOLDER REDIRECT_URI

It listens on a free port of 127.0.0.1, writes its address to FOLDER/address, and knows the people of
FOLDER/people.json: user name -> claims, read anew for every token. Its password for everybody is ``PASSWORD``.
FOLDER/token.json may hold claims that replace those of ID tokens, and ``sign: other`` for a key that it does not
publish.
"""

import json
import sys
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

PASSWORD = "password at the provider"
CLIENT, SECRET = "studio", "secret of the studio"


def rsa_key() -> str:
    """Make a private key."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()


def configure(folder: Path) -> None:
    """Set the site up."""
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="k" * 50,
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=[
            "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
            "allauth", "allauth.account", "allauth.idp.oidc",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware", "allauth.account.middleware.AccountMiddleware",
        ],
        TEMPLATES=[{
            "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }],
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "provider.sqlite3"}},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        SESSION_COOKIE_NAME="provider",
        ACCOUNT_EMAIL_VERIFICATION="none",
        ACCOUNT_RATE_LIMITS=False,
        IDP_OIDC_PRIVATE_KEY=rsa_key(),
        IDP_OIDC_ADAPTER=f"{__name__}.adapter",
    )  # fmt: skip
    django.setup()


def adapter() -> Any:
    """Return the adapter of django-allauth's provider, with the claims of the files."""
    from allauth.idp.oidc.adapter import DefaultOIDCAdapter
    from allauth.idp.oidc.models import PrivateKey

    class Adapter(DefaultOIDCAdapter):
        def get_claims(self, purpose: str, user: Any, client: Any, scopes: Any, email: Any = None, **more: Any) -> Any:
            claims = super().get_claims(purpose, user, client, scopes, email, **more)
            return claims | people()[user.username]

        def populate_id_token(self, id_token: dict[str, Any], client: Any, scopes: Any, **more: Any) -> None:
            id_token.update(changed())

        def get_signing_key(self) -> Any:
            return PrivateKey(pem=OTHER_KEY) if changed(only_claims=False).get("sign") else super().get_signing_key()

    return Adapter()


def people() -> Any:
    """Return who there is."""
    return json.loads((FOLDER / "people.json").read_text())


def changed(*, only_claims: bool = True) -> dict[str, Any]:
    """Return what ID tokens shall have."""
    file = FOLDER / "token.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    return {name: value for name, value in found.items() if name != "sign" or not only_claims}


class Quiet(WSGIRequestHandler):
    """Prints nothing."""

    def log_message(self, format: str, *values: object) -> None:
        """Print nothing."""


def serve(redirect_uri: str) -> None:
    """Make the tables, the people and the client, and answer."""
    from allauth.idp.oidc.models import Client
    from django.contrib.auth import get_user_model
    from django.contrib.auth.hashers import make_password
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    call_command("migrate", verbosity=0)
    for name in people():
        get_user_model().objects.create_user(name, password=PASSWORD)
    Client.objects.create(
        id=CLIENT, name="studio", secret=make_password(SECRET), scopes="openid\nprofile\nemail", skip_consent=True,
        redirect_uris=redirect_uri,
    )  # fmt: skip
    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet) as server:
        beside = FOLDER / "address.part"
        beside.write_text(f"http://127.0.0.1:{server.server_port}")
        beside.rename(FOLDER / "address")
        server.serve_forever()


if __name__ == "__main__":
    sys.modules["oidc_provider"] = sys.modules[__name__]
    __name__ = "oidc_provider"  # as Django is told below
    FOLDER = Path(sys.argv[1])
    OTHER_KEY = rsa_key()
    configure(FOLDER)
    from django.urls import include, path

    urlpatterns = [path("accounts/", include("allauth.account.urls")), path("", include("allauth.idp.urls"))]
    serve(sys.argv[2])
