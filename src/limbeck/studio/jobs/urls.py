"""Addresses of jobs."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.jobs import views

urlpatterns = [
    path("", views.jobs, name="jobs"),
    path("<int:number>/", views.job, name="job"),
    path("<int:number>/cancel/", views.cancel, name="job_cancel"),
    path("<int:number>/retry/", views.retry, name="job_retry"),
    path("<int:number>/delete/", views.delete, name="job_delete"),
]
