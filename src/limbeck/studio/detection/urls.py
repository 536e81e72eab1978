"""Addresses of detection."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.detection import views
from limbeck.studio.detection.batches import downloads

urlpatterns = [
    path("detect/", views.detect, name="detect"),
    path("detect/batch/", views.batch, name="batch"),
    path("detect/batch/column/", views.batch_column, name="batch_column"),
    path("answers/", views.predictions, name="predictions"),
    path("answers/<int:number>/", views.prediction, name="prediction"),
    path("answers/<int:number>/picture/", views.picture, name="prediction_picture"),
    path("answers/<int:number>/delete/", views.delete, name="prediction_delete"),
    path("jobs/<int:number>/answers.<str:form>", downloads.answers, name="job_answers"),
    path("jobs/<int:number>/rejected.csv", downloads.rejected, name="job_rejected"),
]
