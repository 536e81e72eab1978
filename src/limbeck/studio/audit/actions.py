"""What people read for an action."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

ACTIONS = {
    "account.register": _("Registered"),
    "account.sign_in": _("Signed in"),
    "account.sign_out": _("Signed out"),
    "account.wrong_password": _("Wrong password"),
    "account.new_password": _("New password"),
    "account.change": _("Changed their profile"),
    "account.export": _("Exported their data"),
    "account.factor_add": _("Added a second factor"),
    "account.factor_remove": _("Removed a second factor"),
    "invitation.create": _("Invited somebody"),
    "invitation.withdraw": _("Withdrew an invitation"),
    "user.create": _("Created a person"),
    "user.change": _("Changed a person"),
    "user.end_sessions": _("Signed a person out"),
    "user.export": _("Exported a person's data"),
    "user.erase": _("Erased a person's data"),
    "announcement.create": _("Wrote an announcement"),
    "announcement.change": _("Changed an announcement"),
    "announcement.expire": _("Ended an announcement"),
    "announcement.delete": _("Deleted an announcement"),
    "model.add": _("Added a model"),
    "model.publish": _("Published a model"),
    "model.roll_back": _("Rolled a model back"),
    "model.remove": _("Removed a model"),
    "detection.answer": _("Asked a model"),
    "detection.delete": _("Deleted an answer"),
    "job.create": _("Started a job"),
    "job.cancel": _("Cancelled a job"),
    "job.retry": _("Retried a job"),
    "job.delete": _("Deleted a job"),
    "token.create": _("Created an access token"),
    "token.revoke": _("Revoked an access token"),
    "audit.verify": _("Verified the audit log"),
}
