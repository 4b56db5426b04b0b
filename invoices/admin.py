"""Gathers the pages of the back office for Django."""

from invoices.invoices import back_office
from invoices.ledger import back_office as ledger_back_office

__all__ = ["back_office", "ledger_back_office"]
