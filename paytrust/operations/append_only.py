"""Triggers by which the database itself keeps a table append-only."""

import pgtrigger

_REFUSE = """
RAISE EXCEPTION '{name}: % of % is refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', CONSTRAINT = '{name}', TABLE = TG_TABLE_NAME;
"""


def append_only(name: str, *, truncated: str) -> list[pgtrigger.Trigger]:
    """Return the triggers that refuse UPDATE, DELETE and TRUNCATE of a model's table.

    Args:
        name: of the constraint that a refused UPDATE or DELETE names.
        truncated: of the constraint that a refused TRUNCATE names.
    """
    return [
        pgtrigger.Trigger(
            name=f"refuse_{name}",
            when=pgtrigger.Before,
            operation=pgtrigger.Update | pgtrigger.Delete,
            func=_REFUSE.format(name=name),
        ),
        pgtrigger.Trigger(
            name=f"refuse_{truncated}",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func=_REFUSE.format(name=truncated),
        ),
    ]
