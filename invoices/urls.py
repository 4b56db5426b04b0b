"""Paths of the invoices app."""

from django.urls import path

from invoices.customers import views as customers
from invoices.invoices import views
from invoices.iso20022 import views as pain_views
from invoices.pay_page import views as pay_page
from invoices.quotes import views as quotes

urlpatterns = [
    path("invoices", views.InvoiceCollection.as_view()),
    path("invoices/<id:invoice_id>/supplementary", views.InvoiceSupplementary.as_view()),
    path(
        "invoices/<id:invoice_id>/payment-initiation",
        pain_views.InvoicePaymentInitiation.as_view(),
    ),
    path("invoices/<id:invoice_id>/overpayment", views.InvoiceOverpayment.as_view()),
    path("quotes", quotes.Quotes.as_view()),
    path("customers", customers.Customers.as_view()),
    path("pay/<str:page_token>", pay_page.show),
    path("pay/<str:page_token>/status", pay_page.status),
    path("pay/<str:page_token>/receipt.pdf", pay_page.receipt),
]
