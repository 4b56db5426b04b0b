"""Paths of the payments app."""

from django.urls import path

from payments.booking import pain_views, views
from payments.expanding import views as expanding
from payments.refunds import views as refund_views
from payments.settlement import import_views as imports
from payments.settlement import views as settlement_views
from payments.webhooks import operator_views
from payments.webhooks import views as gateway_views

urlpatterns = [
    path("invoices/<id:invoice_id>", expanding.ExpandableInvoice.as_view()),
    path("invoices/<id:invoice_id>/payments", views.InvoicePayments.as_view()),
    path("invoices/<id:invoice_id>/installments", views.InvoiceInstallments.as_view()),
    path("invoices/<id:invoice_id>/cancel", views.InvoiceCancellation.as_view()),
    path("invoices/<id:invoice_id>/transactions", views.InvoiceTransactions.as_view()),
    path("invoices/<id:invoice_id>/refunds", refund_views.InvoiceRefunds.as_view()),
    path("refunds", refund_views.Refunds.as_view()),
    path("refunds/<id:refund_id>", refund_views.RefundItem.as_view()),
    path("invoices/<id:invoice_id>/payment-status", pain_views.InvoicePaymentStatus.as_view()),
    path("transactions", views.Transactions.as_view()),
    path("transactions/<id:transaction_id>", views.TransactionItem.as_view()),
    path(
        "transactions/<id:transaction_id>/payment-status",
        pain_views.TransactionPaymentStatus.as_view(),
    ),
    path("settlements", settlement_views.Settlements.as_view()),
    path("settlements/imports", imports.Imports.as_view()),
    path("settlements/imports/<id:import_id>", imports.ImportItem.as_view()),
    path("settlements/imports/<id:import_id>/pieces/<int:number>", imports.ImportPiece.as_view()),
    path("settlements/imports/<id:import_id>/withdraw", imports.ImportWithdrawal.as_view()),
    path("payouts/<name:payout_id>/transactions", settlement_views.PayoutTransactions.as_view()),
    path("reports/settlement", settlement_views.SettlementReport.as_view()),
    path("reports/settlement.csv", settlement_views.SettlementReportCSV.as_view()),
    path("webhooks/failed", operator_views.FailedWebhooks.as_view()),
    path("webhooks/<id:event_id>/retry", operator_views.WebhookRetrial.as_view()),
    path("webhooks/<slug:webhook_name>", gateway_views.GatewayNotification.as_view()),
]
