"""The audit of decisions: what two people decided, and the trail that must tell it."""

from collections.abc import Iterator

from apikeys.audit import witnesses
from reporting.audit.checks import Finding

CHECK = "a decision without its act"


def audit_decisions() -> Iterator[Finding]:
    """Yield the proposals whose decision is not in the trail of staff acts."""
    for missing in witnesses.missing_acts():
        yield Finding(
            check=CHECK,
            table=missing.table,
            row_id=str(missing.object_id),
            message=f"the trail has no {missing.act} of staff {missing.staff_id}",
        )
