"""Addresses of opinions."""

from __future__ import annotations

from django.urls import path

from limbeck.studio.opinions import views

urlpatterns = [
    path("items/<int:number>/", views.opinion, name="opinion"),
    path("words/", views.lists, name="word_lists"),
    path("words/<int:number>/", views.word_list, name="word_list"),
    path("words/<int:number>/apply/", views.apply, name="word_list_apply"),
    path("words/<int:number>/recipe.toml", views.recipe, name="word_list_recipe"),
    path("words/<int:number>/delete/", views.delete, name="word_list_delete"),
    path("words/template/<str:name>.xlsx", views.template_file, name="word_list_template"),
]
