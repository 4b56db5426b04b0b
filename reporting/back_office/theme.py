"""The files that change the look of the theme."""

from django.http import HttpRequest
from django.templatetags.static import static


def logo(_request: HttpRequest) -> str:
    return static("staff/logo.svg")


def style(_request: HttpRequest) -> str:
    return static("staff/staff.css")


def script(_request: HttpRequest) -> str:
    return static("staff/staff.js")
