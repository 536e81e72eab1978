"""Forms on people."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import ChangePasswordForm as AllauthChangePasswordForm
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import ResetPasswordForm as AllauthResetPasswordForm
from allauth.account.forms import ResetPasswordKeyForm as AllauthResetPasswordKeyForm
from allauth.account.forms import SetPasswordForm as AllauthSetPasswordForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils.translation import gettext_lazy as _

from limbeck.studio.accounts.models import ROLES, User
from limbeck.studio.roles import Role
from limbeck.studio.sign_on.provisioning import role_from_groups

_PHONE = forms.RegexField(
    r"^\+?[\d\s()-]{5,30}$",
    label=_("Phone"),
    required=False,
    widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    error_messages={"invalid": _("Write digits, spaces, hyphens and brackets, with + for the country.")},
)

PASSWORD_HELP = _("At least 10 characters, not only digits, and no common password.")


class NewPassword(forms.Form):
    """A form of django-allauth with a new password: what is asked of it, in one sentence."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["password1"].help_text = PASSWORD_HELP


class SignupForm(NewPassword, AllauthSignupForm):
    """Who registers says a full name too."""

    name = forms.CharField(
        label=_("Full name"), max_length=100, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    field_order = ("username", "name", "email", "password1", "password2")


class ChangePasswordForm(NewPassword, AllauthChangePasswordForm):
    """The present password, and the new one twice."""


class SetPasswordForm(NewPassword, AllauthSetPasswordForm):
    """A password for who has none, twice."""


class ResetPasswordForm(AllauthResetPasswordForm):
    """The e-mail address of a person who forgot the password."""

    def clean_email(self) -> str:
        """Leave out people without a password on this site."""
        address: str = super().clean_email()
        self.users: list[User] = [user for user in self.users if not user.is_external]
        return address


class ResetPasswordKeyForm(NewPassword, AllauthResetPasswordKeyForm):
    """A new password for who forgot the one before, twice."""


class LoginForm(AllauthLoginForm):
    """User name and password."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["password"].help_text = ""


class ProfileForm(forms.ModelForm):
    """What a person may change of their own account."""

    phone = _PHONE

    class Meta:
        model = User
        fields = ("name", "email", "phone")
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }


class PersonForm(forms.ModelForm):
    """What an administrator may change of a person."""

    phone = _PHONE
    password = forms.CharField(
        label=_("New password"),
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Leave it empty to keep the present one."),
    )

    class Meta:
        model = User
        fields = ("username", "name", "email", "phone", "role", "password", "must_change_password", "is_active")
        labels = {"is_active": _("May sign in")}
        help_texts = {"username": "", "is_active": ""}

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        if self.instance.pk is None:
            self.fields["password"].required = True
            self.fields["password"].label = _("Password")
            self.fields["password"].help_text = _("At least 10 characters. Hand it over in person.")
            self.initial["must_change_password"] = True
            self.initial["role"] = Role.OPERATOR.value
        elif self.instance.is_external:
            del self.fields["password"], self.fields["must_change_password"]
            if role_from_groups(self.instance):
                self.fields["role"].disabled = True
                self.fields["role"].help_text = _("Set at each sign-in from the groups at the identity provider.")

    def clean(self) -> dict[str, Any]:
        """Check the password against the other values."""
        cleaned: dict[str, Any] = super().clean()
        if password := cleaned.get("password"):
            person = User(
                username=cleaned.get("username", ""), name=cleaned.get("name", ""), email=cleaned.get("email", "")
            )
            try:
                validate_password(password, person)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned


class InvitationForm(forms.Form):
    """Who is invited, as what."""

    role = forms.ChoiceField(label=_("Role"), choices=ROLES, initial=Role.OPERATOR.value)
    note = forms.CharField(
        label=_("For whom"), max_length=100, required=False, help_text=_("A note for the list below; optional.")
    )


class SearchForm(forms.Form):
    """What of the people is listed."""

    q = forms.CharField(label=_("Search"), max_length=100, required=False)
    role = forms.ChoiceField(label=_("Role"), choices=[("", _("All roles")), *ROLES], required=False)
    state = forms.ChoiceField(
        label=_("State"),
        choices=[("", _("All states")), ("active", _("May sign in")), ("disabled", _("Disabled"))],
        required=False,
    )
