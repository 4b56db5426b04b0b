"""Paths of the reporting app."""

from django.urls import path

from reporting.financial import views
from reporting.statements.views import OwnStatementProfile, StatementCSV, StatementPDF

urlpatterns = [
    path("reports/financial", views.FinancialReport.as_view()),
    path("reports/financial.csv", views.FinancialReportCSV.as_view()),
    path("reports/financial.xlsx", views.FinancialReportXLSX.as_view()),
    path("reports/statement.csv", StatementCSV.as_view()),
    path("reports/statement.pdf", StatementPDF.as_view()),
    path("account/statement-profile", OwnStatementProfile.as_view()),
    path("reports/transactions.csv", views.MovementsCSV.as_view()),
    path("reports/transactions.xlsx", views.MovementsXLSX.as_view()),
    path("reports/discrepancies", views.DiscrepancyReport.as_view()),
]
