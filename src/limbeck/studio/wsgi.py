"""The WSGI application, as granian and other servers load it."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from limbeck.studio.parent import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "limbeck.studio.settings")
end_with_parent()
application = get_wsgi_application()
