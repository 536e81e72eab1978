"""Addresses of announcements."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.announcements import views

urlpatterns = [
    path("", views.announcements, name="announcements"),
    path("new/", views.edit, name="announcement_new"),
    path("preview/", views.preview, name="announcement_preview"),
    path("<int:number>/", views.announcement, name="announcement"),
    path("<int:number>/edit/", views.edit, name="announcement_edit"),
    path("<int:number>/expire/", views.expire, name="announcement_expire"),
    path("<int:number>/delete/", views.delete, name="announcement_delete"),
]
