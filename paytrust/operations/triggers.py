"""Rules that the database itself keeps, as triggers for a model's `Meta.triggers`.

A refusal names the rule as the constraint of its error, so that callers tell one from another by
`violated_constraint`.
"""

from collections.abc import Sequence

import pgtrigger


def refused(
    name: str,
    operation: pgtrigger.Operation,
    *,
    rule: str | None = None,
    condition: str | None = None,
) -> pgtrigger.Trigger:
    """Refuse what is done to a row, always or where an SQL condition over OLD and NEW holds.

    Args:
        name: of the trigger; unique in the project.
        operation: such as `pgtrigger.Update | pgtrigger.Delete`.
        rule: what the error names; the trigger's name unless given.
        condition: SQL.
    """
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=operation,
        condition=pgtrigger.Condition(f"({condition})") if condition else None,
        func=_raise(rule or name),
    )


def append_only(rule: str) -> list[pgtrigger.Trigger]:
    """Refuse to change, delete or empty what is only ever added to."""
    return [
        refused(f"{rule}_append_only", pgtrigger.Update | pgtrigger.Delete),
        not_truncated(rule),
    ]


def not_truncated(rule: str) -> pgtrigger.Trigger:
    """Refuse to empty a table: TRUNCATE passes the triggers of rows."""
    return pgtrigger.Trigger(
        name=f"{rule}_not_truncated",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=_raise(f"{rule}_not_truncated"),
    )


def changed(columns: Sequence[str]) -> str:
    """Return the condition that any of some columns changes."""
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return f"({old}) IS DISTINCT FROM ({new})"


def tenant_of(rule: str, *, owner: str, by: str) -> pgtrigger.Trigger:
    """Give a row the tenant of the row of the table `owner` that its column `by` names."""
    return pgtrigger.Trigger(
        name=f"{rule}_tenant",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("tenant_id", by),  # type: ignore[no-untyped-call]
        func=f"SELECT tenant_id INTO NEW.tenant_id FROM {owner} WHERE id = NEW.{by}; RETURN NEW;",  # noqa: S608  # nosec B608  # our own names
    )


def _raise(rule: str) -> str:
    return f"""
RAISE EXCEPTION '{rule}: % of % is refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', CONSTRAINT = '{rule}', TABLE = TG_TABLE_NAME;
"""
