"""Pages of lists of words, and the part of a page with the opinions on an item."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from limbeck.data.exchange.write import workbook
from limbeck.errors import LimbeckError
from limbeck.studio.accounts.access import needs
from limbeck.studio.jobs import services as jobs
from limbeck.studio.opinions import second, words
from limbeck.studio.opinions.forms import TryForm, WordsForm
from limbeck.studio.opinions.models import LLM, WordList
from limbeck.studio.registry.facts import published
from limbeck.studio.review.models import Item
from limbeck.studio.review.services.answers.classes import classes_of
from limbeck.studio.roles import Ability
from limbeck.studio.web.problems import shown
from limbeck.studio.web.uploads import keep


@needs(Ability.REVIEW)
@require_http_methods(["GET", "POST"])
def opinion(request: HttpRequest, number: int) -> HttpResponse:
    """Show the opinions on an item to who has answered it; POST asks for one."""
    item = get_object_or_404(Item, pk=number)
    allowed, problem = second.may_see(item, request.user), ""
    if request.method == "POST":
        if not second.is_set_up():
            raise Http404
        try:
            second.ask(item, by=request.user, request=request)
        except LimbeckError as error:
            problem = shown(error)
    found = second.shown_to(item, request.user)
    can_ask = allowed and second.is_set_up() and not any(one.source == LLM for one in found)
    waits = second.is_set_up() and not allowed
    context = {"item": item, "opinions": found, "can_ask": can_ask, "problem": problem, "waits": waits}
    return render(request, "opinions/panel.html", context)


@needs(Ability.ADMINISTER)
@require_http_methods(["GET", "POST"])
def lists(request: HttpRequest) -> HttpResponse:
    """List the lists of words; POST keeps an uploaded one."""
    models = [one.name for one in published() if one.one_text]
    form = WordsForm(models, request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            entries = entries_in(form.cleaned_data["file"], form.cleaned_data["model"])
        except LimbeckError as error:
            form.add_error("file", shown(error))
        else:
            name, model = form.cleaned_data["name"], form.cleaned_data["model"]
            kept = words.keep(name, model, entries, by=request.user, request=request)
            return redirect("word_list", number=kept.pk)
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "lists": WordList.objects.all(), "models": models}
    return render(request, "opinions/lists.html", context, status=status)


def entries_in(file: UploadedFile, model: str) -> list[words.Entry]:
    """Return the words of an uploaded table; raise LimbeckError where it has none."""
    with tempfile.TemporaryDirectory() as folder:
        return words.entries_of(keep(file, Path(folder)), classes_of(model))


@needs(Ability.ADMINISTER)
@require_http_methods(["GET", "POST"])
def word_list(request: HttpRequest, number: int) -> HttpResponse:
    """Show a list; POST tries it on a text."""
    found = get_object_or_404(WordList, pk=number)
    form, tried = TryForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        text = form.cleaned_data["text"]
        label = words.answered(found.entries, classes_of(found.model), [text])[0]
        tried = {"label": label, "words": words.words_in(found.entries, text)}
    context = {"list": found, "form": form, "tried": tried, "entries": found.entries[:100]}
    return render(request, "opinions/list.html", context)


@needs(Ability.ADMINISTER)
@require_POST
def apply(request: HttpRequest, number: int) -> HttpResponse:
    """Start a job that compares the items of the model with a list."""
    found = get_object_or_404(WordList, pk=number)
    job = jobs.create("rules", found.name, {"words": found.pk}, by=request.user, request=request)
    return redirect("job", number=job.pk)


@needs(Ability.ADMINISTER)
@require_GET
def recipe(request: HttpRequest, number: int) -> HttpResponse:
    """Give a list as a teacher of a recipe."""
    found = get_object_or_404(WordList, pk=number)
    response = HttpResponse(words.recipe_part(found), content_type="application/toml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="words-{found.pk}.toml"'
    return response


@needs(Ability.ADMINISTER)
@require_POST
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """Delete a list."""
    words.delete(get_object_or_404(WordList, pk=number), by=request.user, request=request)
    messages.success(request, _("Deleted."))
    return redirect("word_lists")


@needs(Ability.ADMINISTER)
@require_GET
def template_file(request: HttpRequest, name: str) -> HttpResponse:
    """Give a workbook to fill in with words, and a sheet with the classes of a model."""
    classes = classes_of(name)
    if not classes:
        raise Http404
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "words.xlsx")
        workbook(path, [("words", words.COLUMNS, []), (_("classes"), ["class"], [[one] for one in classes])])
        content = path.read_bytes()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = 'attachment; filename="words.xlsx"'
    return response
