"""Pages of models."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from limbeck.errors import LimbeckError
from limbeck.model_names import Step, history, names
from limbeck.studio.accounts.access import needs
from limbeck.studio.registry import services
from limbeck.studio.registry.facts import Version, all_versions, version_of
from limbeck.studio.roles import Ability
from limbeck.studio.web.problems import shown
from limbeck.studio.web.uploads import SizedFileField

# A report is a page of its own with scripts inside. It may be anybody's: it runs in an origin of its own, cut off from
# this site, its cookies and the network.
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
)


class UploadForm(forms.Form):
    """A bundle and its name."""

    name = forms.RegexField(
        r"^\w[\w.-]{0,99}$",
        label=gettext_lazy("Name"),
        help_text=gettext_lazy("A known name adds a version to that model. Letters, digits, hyphens and underscores."),
    )
    archive = SizedFileField(
        label=gettext_lazy("Bundle (.zip)"),
        widget=forms.FileInput(attrs={"accept": ".zip,application/zip"}),
        help_text=gettext_lazy("The folder that limbeck train wrote, as a zip file. Its hashes are verified."),
    )


@needs(Ability.READ)
@require_http_methods(["GET", "POST"])
def models(request: HttpRequest) -> HttpResponse:
    """List models; administrators add one."""
    manages = request.user.may(Ability.ADMINISTER)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST":
        if not manages:
            raise Http404
        if form.is_valid():
            try:
                archive, name = form.cleaned_data["archive"], form.cleaned_data["name"]
                model = services.add(archive.file, name, by=request.user, request=request)
            except LimbeckError as error:
                form.add_error("archive", shown(error))
            else:
                messages.success(request, _("The bundle is verified and added."))
                return redirect("model", name=model.name)
    groups = [(name, all_versions(name)) for name in names()]
    return render(request, "models/list.html", {"groups": groups, "form": form})


@needs(Ability.READ)
@require_GET
def model(request: HttpRequest, name: str) -> HttpResponse:
    """Show the versions of a model, their figures, and which were published when."""
    versions = all_versions(name) if name in names() else []
    if not versions:
        raise Http404
    chosen = next((one for one in versions if one.version == request.GET.get("version")), None)
    chosen = chosen or next((one for one in versions if one.published), versions[0])
    steps = _history(name)
    context = {
        "name": name, "versions": versions, "chosen": chosen, "steps": steps[::-1], "can_roll_back": len(steps) > 1,
    }  # fmt: skip
    return render(request, "models/detail.html", context)


def _history(name: str) -> list[Step]:
    try:
        return history(name)
    except LimbeckError:  # current.json is damaged; the versions are still there
        return []


@needs(Ability.READ)
@require_GET
def report(request: HttpRequest, name: str, version: str) -> HttpResponse:
    """Show the report of a version, cut off from this site."""
    found = _found(name, version)
    if not found.has_report:
        raise Http404
    response = FileResponse((found.path / "report.html").open("rb"), content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = REPORT_POLICY
    return response


@needs(Ability.ADMINISTER)
@require_POST
def publish(request: HttpRequest, name: str, version: str) -> HttpResponse:
    """Publish a version without a verdict: the first of a model, or with a reason."""
    found, reason = _found(name, version), request.POST.get("reason", "")
    return _done(
        request, name, lambda: services.publish(name, found.version, reason=reason, by=request.user, request=request)
    )


@needs(Ability.ADMINISTER)
@require_POST
def roll_back(request: HttpRequest, name: str) -> HttpResponse:
    """Publish again what was published before."""
    if name not in names():
        raise Http404
    return _done(request, name, lambda: services.roll_back(name, by=request.user, request=request))


@needs(Ability.ADMINISTER)
@require_POST
def remove(request: HttpRequest, name: str, version: str) -> HttpResponse:
    """Remove a version that is not published."""
    found = _found(name, version)
    return _done(request, name, lambda: services.remove(name, found.version, by=request.user, request=request))


def _done(request: HttpRequest, name: str, act: Callable[[], object]) -> HttpResponse:
    try:
        act()
    except LimbeckError as error:
        messages.error(request, shown(error))
    else:
        messages.success(request, _("Done."))
    return redirect("model", name=name) if name in names() else redirect("models")


def _found(name: str, version: str) -> Version:
    try:
        return version_of(name, version)
    except LimbeckError as error:
        raise Http404 from error
