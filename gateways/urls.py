"""Paths of the gateways app."""

from django.urls import path

from gateways.fees import views

urlpatterns = [path("gateways", views.GatewayCollection.as_view())]
