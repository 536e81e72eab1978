"""Addresses of the site."""

from __future__ import annotations

from django.urls import include, path

from limbeck.studio.api import pages, routes
from limbeck.studio.web import views

urlpatterns = [
    path("", views.home, name="home"),
    path("preferences/", views.preferences, name="preferences"),
    path("live", views.live, name="live"),
    path("ready", views.ready, name="ready"),
    path("", include("limbeck.studio.accounts.urls")),
    path("", include("limbeck.studio.detection.urls")),
    path("", include("limbeck.studio.review.urls")),
    path("announcements/", include("limbeck.studio.announcements.urls")),
    path("", include("limbeck.studio.loop.urls")),
    path("jobs/", include("limbeck.studio.jobs.urls")),
    path("models/", include("limbeck.studio.registry.urls")),
    path("account/tokens/", pages.tokens, name="tokens"),
    path("account/tokens/<int:number>/revoke/", pages.revoke, name="token_revoke"),
    path("api/v1/", routes.urls()),
    path("exchange/", include("limbeck.studio.exchange.urls")),
    path("opinions/", include("limbeck.studio.opinions.urls")),
    path("notices/", include("limbeck.studio.notices.urls")),
    path("analysis/", include("limbeck.studio.analysis.urls")),
    path("audit/", include("limbeck.studio.audit.urls")),
]
handler400 = "limbeck.studio.web.views.bad_request"
handler403 = "limbeck.studio.web.views.forbidden"
handler404 = "limbeck.studio.web.views.not_found"
handler500 = "limbeck.studio.web.views.server_error"
