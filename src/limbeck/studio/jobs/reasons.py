"""What people read where a job failed without a line of its own."""

from __future__ import annotations

from django.utils.translation import gettext as _

from limbeck.studio.jobs.queue import LOST_WORKER, UNKNOWN_KIND


def reason(code: str) -> str:
    """Return the text of a reason; a line of Limbeck's own as it is."""
    texts = {
        LOST_WORKER: _("The worker ended three times without coming further. Look into the server's log."),
        UNKNOWN_KIND: _("This site does not know this kind of job. Start the worker from the version of the site."),
        "defect": _("A defect of this site. The server's log says more."),
    }
    return texts.get(code, code)
