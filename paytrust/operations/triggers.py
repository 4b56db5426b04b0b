"""Rules that the database itself enforces, as triggers for a model's `Meta.triggers`.

The error of a refusal names the rule as its constraint, so that callers can distinguish rules with
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
    """Refuse an operation on a row, always or when an SQL condition over OLD and NEW is true.

    Args:
        name: of the trigger; unique in the project.
        operation: such as `pgtrigger.Update | pgtrigger.Delete`.
        rule: the name in the error; the trigger's name unless given.
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
    """Refuse to change, delete or truncate rows of a table where rows are only added."""
    return [
        refused(f"{rule}_append_only", pgtrigger.Update | pgtrigger.Delete),
        not_truncated(rule),
    ]


def not_truncated(rule: str) -> pgtrigger.Trigger:
    """Refuse to truncate a table: triggers of rows do not see TRUNCATE."""
    return pgtrigger.Trigger(
        name=f"{rule}_not_truncated",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=_raise(f"{rule}_not_truncated"),
    )


def changed(columns: Sequence[str]) -> str:
    """Return the condition that one of these columns changes."""
    old, new = (", ".join(f"{row}.{column}" for column in columns) for row in ("OLD", "NEW"))
    return f"({old}) IS DISTINCT FROM ({new})"


def tenant_of(rule: str, *, owner: str, by: str) -> pgtrigger.Trigger:
    """Copy the tenant into a row, from the row of table `owner` that its column `by` names."""
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
