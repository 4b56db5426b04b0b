"""Gathers the pages of the back office for Django."""

from apikeys.keys import back_office
from apikeys.two_people import back_office as two_people

__all__ = ["back_office", "two_people"]
