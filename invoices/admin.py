"""Gathers the pages of the back office for Django."""

from invoices.invoices import back_office

__all__ = ["back_office"]
