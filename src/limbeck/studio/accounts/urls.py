"""Addresses of accounts: django-allauth's pages for signing in, and this site's own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from allauth.usersessions import views as sessions
from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, re_path

from limbeck.studio.accounts import people, views
from limbeck.studio.sign_on import views as provider

View = Callable[..., HttpResponse]


def _whole(view: View) -> View:
    """Keep what a view does and its audit entries in one transaction."""

    @wraps(view)
    def whole(request: HttpRequest, *given: Any, **named: Any) -> HttpResponse:
        if request.method != "POST":
            return view(request, *given, **named)
        with transaction.atomic():
            return view(request, *given, **named)

    return whole


def _local_password(view: View) -> View:
    """Answer 404 on a page about passwords of this site where they are switched off, or the person has none."""

    @wraps(view)
    def shown(request: HttpRequest, *given: Any, **named: Any) -> HttpResponse:
        external = request.user.is_authenticated and request.user.is_external
        if external or not settings.CONFIG.password_sign_in:
            raise Http404
        return view(request, *given, **named)

    return shown


urlpatterns = [
    path("account/sign-in/", account.login, name="account_login"),
    path("account/provider/", provider.start, name="oidc_start"),
    path("account/provider/back/", provider.callback, name="oidc_callback"),
    path("account/sign-out/", account.logout, name="account_logout"),
    path("account/disabled/", account.account_inactive, name="account_inactive"),
    path("account/register/", account.signup, name="account_signup"),
    path("account/confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("account/password/", _local_password(account.password_change), name="account_change_password"),
    path("account/password/set/", _local_password(account.password_set), name="account_set_password"),
    path("account/password/forgotten/", _local_password(account.password_reset), name="account_reset_password"),
    path(
        "account/password/forgotten/sent/",
        _local_password(account.password_reset_done),
        name="account_reset_password_done",
    ),
    re_path(
        r"^account/password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        _local_password(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "account/password/changed/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("account/two-factor/", mfa.index, name="mfa_index"),
    path("account/two-factor/code/", mfa.authenticate, name="mfa_authenticate"),
    path("account/two-factor/confirm/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("account/two-factor/app/", _whole(totp.activate_totp), name="mfa_activate_totp"),
    path("account/two-factor/app/remove/", _whole(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("account/two-factor/recovery/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("account/two-factor/recovery/new/", _whole(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("account/two-factor/recovery/file/", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("account/passkeys/", passkeys.list_webauthn, name="mfa_list_webauthn"),
    path("account/passkeys/new/", _whole(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path("account/passkeys/confirm/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("account/passkeys/sign-in/", _local_password(passkeys.login_webauthn), name="mfa_login_webauthn"),
    path("account/passkeys/<int:pk>/remove/", _whole(passkeys.remove_webauthn), name="mfa_remove_webauthn"),
    path("account/passkeys/<int:pk>/", _whole(passkeys.edit_webauthn), name="mfa_edit_webauthn"),
    path("account/sessions/", sessions.list_usersessions, name="usersessions_list"),
    path("account/", views.profile, name="profile"),
    path("account/data/", views.own_data, name="own_data"),
    path("invitation/<str:token>/", views.invitation, name="invitation"),
    path("people/", people.users, name="users"),
    path("people/new/", people.user, name="user_new"),
    path("people/<int:number>/", people.user, name="user"),
    path("people/<int:number>/sign-out/", people.end_sessions, name="user_end_sessions"),
    path("people/<int:number>/data/", people.export_user, name="user_export"),
    path("people/<int:number>/erase/", people.erase_user, name="user_erase"),
    path("people/invitations/", people.invitations, name="invitations"),
    path("people/invitations/<int:number>/withdraw/", people.withdraw_invitation, name="invitation_withdraw"),
]
