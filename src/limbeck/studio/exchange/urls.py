"""Addresses of import and export."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.exchange import views

urlpatterns = [
    path("", views.exchange, name="exchange"),
    path("upload/", views.upload, name="exchange_upload"),
    path("setup/", views.setup, name="exchange_setup"),
    path("export/", views.export, name="exchange_export"),
    path("<int:number>/file", views.exported, name="exchange_file"),
    path("<int:number>/errors.csv", views.errors, name="exchange_errors"),
    path("template/<str:name>.xlsx", views.template_file, name="exchange_template"),
]
