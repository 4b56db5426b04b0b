"""Paths of the apikeys app."""

from django.urls import path
from django.urls.resolvers import URLPattern

from apikeys.account import views as account
from apikeys.keys import views

urlpatterns: list[URLPattern] = [
    path("api-keys", views.ApiKeyCollection.as_view()),
    path("api-keys/audit", views.AuditLog.as_view()),
    path("api-keys/<id:key_id>", views.ApiKeyDetail.as_view()),
    path("api-keys/<id:key_id>/rotate", views.ApiKeyRotation.as_view()),
    path("account/requests", account.OwnRequests.as_view()),
    path("account/api-keys", account.OwnKeys.as_view()),
    path("account/api-keys/<id:key_id>", account.OwnKey.as_view()),
    path("account/api-keys/<id:key_id>/rotate", account.OwnKeyRotation.as_view()),
]
