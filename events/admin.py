"""Gathers the pages of the back office for Django."""

from events.endpoints import back_office

__all__ = ["back_office"]
