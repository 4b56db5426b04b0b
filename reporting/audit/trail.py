"""The audit of decisions: each decision of two people must also be in the trail."""

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
