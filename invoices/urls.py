"""Paths of the invoices app."""

from django.urls import path

from invoices import views

urlpatterns = [
    path("invoices", views.InvoiceCollection.as_view()),
    path("invoices/<id:invoice_id>", views.InvoiceItem.as_view()),
    path("invoices/<id:invoice_id>/supplementary", views.InvoiceSupplementary.as_view()),
    path("invoices/<id:invoice_id>/payments", views.InvoicePayments.as_view()),
    path("invoices/<id:invoice_id>/overpayment", views.InvoiceOverpayment.as_view()),
]
