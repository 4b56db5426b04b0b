"""Paths of the payments app."""

from django.urls import path

from payments import gateway_views, views

urlpatterns = [
    path("invoices/<id:invoice_id>/installments", views.InvoiceInstallments.as_view()),
    path("invoices/<id:invoice_id>/cancel", views.InvoiceCancellation.as_view()),
    path("invoices/<id:invoice_id>/transactions", views.InvoiceTransactions.as_view()),
    path("webhooks/xendit", gateway_views.XenditNotification.as_view()),
    path("webhooks/midtrans", gateway_views.MidtransNotification.as_view()),
]
