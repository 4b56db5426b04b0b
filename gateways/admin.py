"""Gathers the pages of the back office for Django."""

from gateways.accounts import back_office

__all__ = ["back_office"]
