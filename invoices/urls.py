"""Paths of the invoices app."""

from django.urls import path

from invoices import pain_views, pay_page, views

urlpatterns = [
    path("invoices", views.InvoiceCollection.as_view()),
    path("invoices/<id:invoice_id>", views.InvoiceItem.as_view()),
    path("invoices/<id:invoice_id>/supplementary", views.InvoiceSupplementary.as_view()),
    path(
        "invoices/<id:invoice_id>/payment-initiation",
        pain_views.InvoicePaymentInitiation.as_view(),
    ),
    path("invoices/<id:invoice_id>/overpayment", views.InvoiceOverpayment.as_view()),
    path("pay/<str:page_token>", pay_page.show),
    path("pay/<str:page_token>/status", pay_page.status),
]
