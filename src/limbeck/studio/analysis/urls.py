"""Addresses of the analysis."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.analysis import views

urlpatterns = [
    path("", views.analysis, name="analysis"),
    path("<slug:key>.csv", views.table, name="analysis_table"),
]
