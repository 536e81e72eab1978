"""Addresses of the audit log."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.audit import views

urlpatterns = [
    path("", views.audit, name="audit"),
    path("check/", views.check, name="audit_check"),
]
