"""Gathers the pages of the back office for Django."""

from payments.booking import back_office

__all__ = ["back_office"]
