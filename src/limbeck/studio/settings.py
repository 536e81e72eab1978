"""Django's settings, made from `limbeck.studio.config`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from limbeck.studio.config import config
from limbeck.studio.databases import database
from limbeck.studio.encryption.keyring import Keyring, checked_keys
from limbeck.studio.home import checked_key, kept_key, prepare_home

_HERE = Path(__file__).parent
CONFIG = config()
HOME = prepare_home(CONFIG.home)

_given = CONFIG.secret_key.get_secret_value()
SECRET_KEY = checked_key(_given, "LIMBECK_SECRET_KEY") if _given else kept_key(HOME / "keys" / "secret")
_given = CONFIG.audit_key.get_secret_value()
AUDIT_KEY = checked_key(_given, "LIMBECK_AUDIT_KEY") if _given else kept_key(HOME / "keys" / "audit")
KEYRING = Keyring(checked_keys(CONFIG.column_keys.get_secret_value(), "LIMBECK_COLUMN_KEYS"), HOME / "keys" / "columns")

DEBUG = False
_public = urlsplit(CONFIG.public_url)
# Without a public address the site answers on this machine only; `limbeck studio --host` adds what it listens to.
ALLOWED_HOSTS = [_public.hostname] if _public.hostname else ["localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [CONFIG.public_url] if CONFIG.public_url else []

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "limbeck.studio.accounts",
    "limbeck.studio.sign_on",
    "limbeck.studio.audit",
    "limbeck.studio.announcements",
    "limbeck.studio.jobs",
    "limbeck.studio.detection",
    "limbeck.studio.review",
    "limbeck.studio.notices",
    "limbeck.studio.opinions",
    "limbeck.studio.exchange",
    "limbeck.studio.loop",
    "limbeck.studio.analysis",
    "limbeck.studio.operations",
    "limbeck.studio.api",
    "limbeck.studio.web",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "limbeck.studio.web.middleware.security_headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "limbeck.studio.web.middleware.language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "limbeck.studio.accounts.middleware.new_password_first",
]
ROOT_URLCONF = "limbeck.studio.urls"
WSGI_APPLICATION = "limbeck.studio.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "limbeck.studio.web.context.page",
            ],
        },
    }
]
FORM_RENDERER = "limbeck.studio.web.forms.Renderer"

DATABASES = {"default": database(CONFIG.database_url.get_secret_value(), HOME)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "studio_cache"}}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [f"limbeck.studio.sign_on.backends.{name}" for name in ("LocalBackend", "DirectoryBackend")]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator", "NumericPasswordValidator")
] + [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}}]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "limbeck.studio.accounts.adapter.Adapter"
SOCIALACCOUNT_ADAPTER = "limbeck.studio.sign_on.adapter.ExternalAdapter"
ACCOUNT_FORMS = {
    "signup": "limbeck.studio.accounts.forms.SignupForm",
    "login": "limbeck.studio.accounts.forms.LoginForm",
    "change_password": "limbeck.studio.accounts.forms.ChangePasswordForm",
    "set_password": "limbeck.studio.accounts.forms.SetPasswordForm",
    "reset_password": "limbeck.studio.accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "limbeck.studio.accounts.forms.ResetPasswordKeyForm",
}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = bool(CONFIG.email_url.get_secret_value())
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_USERNAME_MIN_LENGTH = 2
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if CONFIG.https else "http"
# Wrong passwords are counted by `limbeck.studio.accounts.attempts`, in the database and without a race.
ACCOUNT_RATE_LIMITS = {"login_failed": "100/m/ip"}
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if CONFIG.behind_proxy else 0
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = CONFIG.password_sign_in
MFA_TOTP_ISSUER = "Limbeck"
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not CONFIG.https

LANGUAGE_CODE = CONFIG.language
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [_HERE / "locale"]
USE_TZ = True
TIME_ZONE = CONFIG.time_zone

STATIC_URL = "/static/"
STATICFILES_DIRS = [_HERE / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "limbeck.studio.web.static.Versioned"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 30 * 24 * 3600  # addresses carry the version of the file
MEDIA_ROOT = HOME / "uploads"
FILE_UPLOAD_TEMP_DIR = HOME / "uploads"
FILE_UPLOAD_PERMISSIONS = 0o600
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20  # of a form without its files
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 500

SESSION_COOKIE_AGE = CONFIG.session_hours * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = CONFIG.https
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = CONFIG.https
SECURE_HSTS_SECONDS = 31536000 if CONFIG.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = CONFIG.https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if CONFIG.behind_proxy else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "limbeck.studio.web.views.forbidden_form"

_mail = urlsplit(CONFIG.email_url.get_secret_value())
EMAIL_BACKEND = "django.core.mail.backends." + ("smtp.EmailBackend" if _mail.hostname else "dummy.EmailBackend")
EMAIL_HOST, EMAIL_PORT = _mail.hostname or "", _mail.port or (465 if _mail.scheme == "smtps" else 587)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.scheme == "smtps", _mail.scheme == "smtp" and _mail.port != 25
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = CONFIG.email_from

TEST_RUNNER = "django.test.runner.DiscoverRunner"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
