"""Paths of the apikeys app."""

from django.urls import path
from django.urls.resolvers import URLPattern

from apikeys import views

urlpatterns: list[URLPattern] = [
    path("api-keys", views.ApiKeyCollection.as_view()),
]
