"""Addresses of review."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.review.views import data, disputes, items, label_errors, plan, queue, send

urlpatterns = [
    path("data/", data.items, name="review_items"),
    path("data/<int:number>/", items.item, name="review_item"),
    path("data/<int:number>/answer/", items.give, name="review_give"),
    path("data/<int:number>/appeal/", items.ask_again, name="review_appeal"),
    path("data/<int:number>/media/", items.media, name="review_media"),
    path("data/<int:number>/marks/", queue.marks, name="review_marks"),
    path("jobs/<int:number>/review/", send.batch, name="review_send"),
    path("answers/<int:number>/review/", send.one, name="review_send_one"),
    path("data/<int:number>/gold/", plan.make_gold, name="review_gold"),
    path("disputes/", disputes.disputes, name="review_disputes"),
    path("disputes/<int:number>/", disputes.decide, name="review_decide"),
    path("label-errors/", label_errors.suspected, name="review_label_errors"),
    path("label-errors/find/", label_errors.find, name="review_label_errors_find"),
    path("label-errors/<int:number>/", label_errors.decide, name="review_label_error"),
    path("quality/", plan.show_quality, name="review_quality"),
    path("review-plan/", plan.plan, name="review_plan"),
    path("review-plan/assign/", plan.hand_out, name="review_assign"),
    path("review-plan/assignments/<int:number>/end/", plan.take_in, name="review_unassign"),
    path("review-plan/accept/", plan.accept, name="review_bulk"),
    path("review/", queue.queue, name="review_queue"),
    path("review/next/", queue.upcoming, name="review_next"),
    path("review/answer/", queue.save, name="review_answer"),
    path("review/undo/", queue.take_back, name="review_undo"),
    path("review/release/", queue.give_back, name="review_release"),
]
