"""Addresses of review."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.review.views import data, items, queue, send

urlpatterns = [
    path("data/", data.items, name="review_items"),
    path("data/<int:number>/", items.item, name="review_item"),
    path("data/<int:number>/answer/", items.give, name="review_give"),
    path("data/<int:number>/appeal/", items.ask_again, name="review_appeal"),
    path("data/<int:number>/media/", items.media, name="review_media"),
    path("data/<int:number>/marks/", queue.marks, name="review_marks"),
    path("jobs/<int:number>/review/", send.batch, name="review_send"),
    path("answers/<int:number>/review/", send.one, name="review_send_one"),
    path("review/", queue.queue, name="review_queue"),
    path("review/next/", queue.upcoming, name="review_next"),
    path("review/answer/", queue.save, name="review_answer"),
    path("review/undo/", queue.take_back, name="review_undo"),
    path("review/release/", queue.give_back, name="review_release"),
]
