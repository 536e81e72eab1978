"""The app's name, and the kinds of jobs that it adds."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from limbeck.studio.jobs.kinds import JobKind

IMPORT = JobKind(
    "import",
    _("Import"),
    (("import", _("Storing rows")),),
    run="limbeck.studio.exchange.importing:run",
    template="exchange/import_result.html",
    summary="limbeck.studio.exchange.importing:summary",
)
EXPORT = JobKind(
    "export",
    _("Export"),
    (("export", _("Writing rows")),),
    run="limbeck.studio.exchange.exporting:run",
    template="exchange/export_result.html",
    summary="limbeck.studio.exchange.exporting:summary",
)


class Config(AppConfig):
    """See the package."""

    name = "limbeck.studio.exchange"
    label = "exchange"
    job_kinds = (IMPORT, EXPORT)
