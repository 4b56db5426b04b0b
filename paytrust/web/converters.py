"""Path converters."""


class IdConverter:
    """A row's id. What no row can have does not match, so it is a 404 like any unknown id."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)
