"""Pages of announcements."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from limbeck.studio.accounts.access import needs
from limbeck.studio.announcements import services
from limbeck.studio.announcements.forms import AnnouncementForm
from limbeck.studio.announcements.markdown import rendered
from limbeck.studio.announcements.models import Announcement, Read
from limbeck.studio.roles import Ability

PER_PAGE = 20


@needs(Ability.READ)
@require_GET
def announcements(request: HttpRequest) -> HttpResponse:
    """List what is shown now; administrators see the scheduled and expired ones too."""
    found = Announcement.objects.all() if request.user.may(Ability.ADMINISTER) else services.shown()
    page = Paginator(found.select_related("created_by"), PER_PAGE).get_page(request.GET.get("page"))
    numbers = [one.pk for one in page]
    read = set(Read.objects.filter(user=request.user, announcement__in=numbers).values_list("announcement", flat=True))
    return render(request, "announcements/list.html", {"page": page, "read": read})


@needs(Ability.READ)
@require_GET
def announcement(request: HttpRequest, number: int) -> HttpResponse:
    """Show one, and note that it was read."""
    found = get_object_or_404(Announcement, pk=number)
    if found.state != "shown" and not request.user.may(Ability.ADMINISTER):
        raise Http404
    if found.state == "shown":
        services.mark_read(found, request.user)
    readers = Read.objects.filter(announcement=found).count()
    context = {"announcement": found, "html": rendered(found.body), "readers": readers}
    return render(request, "announcements/detail.html", context)


@needs(Ability.ADMINISTER)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, number: int | None = None) -> HttpResponse:
    """Write a new one, or change one."""
    found = get_object_or_404(Announcement, pk=number) if number else Announcement()
    form = AnnouncementForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        found = form.save(commit=False)
        services.save(found, by=request.user, changed=form.changed_data, request=request)
        messages.success(request, _("Saved."))
        return redirect("announcement", number=found.pk)
    return render(request, "announcements/edit.html", {"form": form, "announcement": found})


@needs(Ability.ADMINISTER)
@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """Show how a text will look."""
    return render(request, "announcements/preview.html", {"html": rendered(request.POST.get("body", "")[:20_000])})


@needs(Ability.ADMINISTER)
@require_POST
def expire(request: HttpRequest, number: int) -> HttpResponse:
    """Show one no longer."""
    services.expire(get_object_or_404(Announcement, pk=number), by=request.user, request=request)
    messages.success(request, _("It is no longer shown."))
    return redirect("announcements")


@needs(Ability.ADMINISTER)
@require_POST
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete one."""
    services.delete(get_object_or_404(Announcement, pk=number), by=request.user, request=request)
    messages.success(request, _("Deleted."))
    return redirect("announcements")
