"""Pages of channels and their deliveries."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from limbeck.studio.accounts.access import needs
from limbeck.studio.notices import services
from limbeck.studio.notices.forms import ChannelForm
from limbeck.studio.notices.models import FAILED, WAITING, Channel, Delivery
from limbeck.studio.roles import Ability
from limbeck.studio.web.request import from_htmx

PER_PAGE = 25


@needs(Ability.ADMINISTER)
@require_GET
def channels(request: HttpRequest) -> HttpResponse:
    """List channels."""
    found = Channel.objects.annotate(
        waiting=Count("deliveries", Q(deliveries__state=WAITING)),
        failed=Count("deliveries", Q(deliveries__state=FAILED)),
    )
    return render(request, "notices/list.html", {"channels": found})


@needs(Ability.ADMINISTER)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, number: int | None = None) -> HttpResponse:
    """Add a channel, or change one."""
    found = get_object_or_404(Channel, pk=number) if number else Channel()
    form = ChannelForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        found = form.save(commit=False)
        services.save(found, by=request.user, changed=form.changed_data, request=request)
        messages.success(request, _("Saved."))
        return redirect("channel", number=found.pk)
    status = 422 if request.method == "POST" else 200
    return render(request, "notices/edit.html", {"form": form, "channel": found}, status=status)


@needs(Ability.ADMINISTER)
@require_GET
def channel(request: HttpRequest, number: int) -> HttpResponse:
    """Show a channel and its deliveries; the list asks for itself again while some wait."""
    found = get_object_or_404(Channel, pk=number)
    page = Paginator(found.deliveries.all(), PER_PAGE).get_page(request.GET.get("page"))
    moving = any(one.state == WAITING and not one.attempts for one in page)
    template = "notices/deliveries.html" if from_htmx(request) else "notices/detail.html"
    return render(request, template, {"channel": found, "page": page, "moving": moving})


@needs(Ability.ADMINISTER)
@require_POST
def test(request: HttpRequest, number: int) -> HttpResponse:
    """Send a test."""
    services.test(get_object_or_404(Channel, pk=number), by=request.user, request=request)
    return redirect("channel", number=number)


@needs(Ability.ADMINISTER)
@require_POST
def send_again(request: HttpRequest, number: int) -> HttpResponse:
    """Try a failed delivery again."""
    found = get_object_or_404(Delivery, pk=number)
    if not services.send_again(found, by=request.user, request=request):
        messages.error(request, _("It has not failed."))
    return redirect("channel", number=found.channel_id)


@needs(Ability.ADMINISTER)
@require_POST
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete a channel."""
    services.delete(get_object_or_404(Channel, pk=number), by=request.user, request=request)
    messages.success(request, _("Deleted."))
    return redirect("channels")
