"""Columns that Django has no field for."""

import json
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models.expressions import Func


class CurrentTransaction(Func):
    """The number of the transaction that runs the statement; savepoints have their parent's."""

    function = "pg_current_xact_id"
    template = "%(function)s()"
    output_field: models.Field[Any, Any] = models.BigIntegerField()


class TransactionNumberField(models.Field[int, int]):
    """PostgreSQL's xid8: a 64-bit number that transactions get in turn; an int in Python."""

    def db_type(self, connection: object) -> str:
        return "xid8"

    def from_db_value(self, value: object, *_context: object) -> int | None:
        return None if value is None else int(str(value))

    def get_db_prep_value(self, value: Any, connection: object, prepared: bool = False) -> Any:  # noqa: ANN401
        """Return an int as text: PostgreSQL compares no xid8 with an integer."""
        return str(value) if isinstance(value, int) else value


class OrderedJSONField(models.JSONField[Any, Any]):
    """JSON as it was written: members keep their order, and numbers their form."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  # Django's own
        super().__init__(**{**kwargs, "decoder": ExactDecoder})

    def db_type(self, connection: object) -> str:
        return "json"

    def select_format(self, compiler: object, sql: str, params: Any) -> tuple[str, Any]:  # noqa: ANN401
        """Read it as text, or the driver would decode it."""
        return f"{sql}::text", params


class ExactDecoder(json.JSONDecoder):
    """Reads numbers with a fraction exactly as they were written."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  # json's own
        super().__init__(parse_float=Decimal, **kwargs)
