"""Path converters."""

from django.urls.converters import StringConverter


class IdConverter:
    """A row's id. A number that no row can have is a 404, like an unknown id."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class NameConverter(StringConverter):
    """What somebody calls a thing. PostgreSQL keeps no text with NUL, so such a name is a 404."""

    regex = r"[^/\x00]+"
