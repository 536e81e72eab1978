"""Addresses of the loop."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.loop import views

urlpatterns = [
    path("train/", views.new, name="train"),
    path("train/start/", views.start, name="train_start"),
    path("train/teachers/", views.teach, name="train_teachers"),
    path("models/<str:name>/drift/", views.watch, name="watch"),
    path("models/<str:name>/retrain/", views.again, name="retrain"),
    path("models/<str:name>/automatic/", views.switch, name="automatic"),
    path("models/<str:name>/<slug:candidate>/compare/", views.versions, name="compare"),
    path("models/<str:name>/<slug:candidate>/compare/publish/", views.publish, name="compare_publish"),
    path("models/<str:name>/<slug:candidate>/shadow/", views.shadow, name="shadow"),
    path("models/<str:name>/<slug:candidate>/retire/", views.retire, name="retire"),
]
