"""Addresses of models."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.registry import views

urlpatterns = [
    path("", views.models, name="models"),
    path("<str:name>/", views.model, name="model"),
    path("<str:name>/roll-back/", views.roll_back, name="model_roll_back"),
    path("<str:name>/<slug:version>/report/", views.report, name="model_report"),
    path("<str:name>/<slug:version>/publish/", views.publish, name="model_publish"),
    path("<str:name>/<slug:version>/remove/", views.remove, name="model_remove"),
]
