"""Addresses of notices."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.notices import views

urlpatterns = [
    path("", views.channels, name="channels"),
    path("new/", views.edit, name="channel_new"),
    path("<int:number>/", views.channel, name="channel"),
    path("<int:number>/edit/", views.edit, name="channel_edit"),
    path("<int:number>/test/", views.test, name="channel_test"),
    path("<int:number>/delete/", views.delete, name="channel_delete"),
    path("deliveries/<int:number>/again/", views.send_again, name="delivery_again"),
]
