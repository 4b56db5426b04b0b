"""Gathers the pages of the back office for Django."""

from apikeys.keys import back_office

__all__ = ["back_office"]
