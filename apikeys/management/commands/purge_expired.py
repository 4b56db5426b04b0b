"""Delete what retention allows to delete."""

from dataclasses import asdict

from django.utils import timezone

from apikeys.audit import retention
from apikeys.management.commands._operator import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Drop audit months older than a year and idempotency records older than 24 hours."
        " Payment data is kept for 7 years and longer: no option drops it."
    )
    harmful = True

    def handle(self, *args: object, yes: bool, json: bool, **options: object) -> None:
        now = timezone.now()
        due = retention.expired(now=now)
        if due.audit_months or due.idempotency_records:
            self.confirm(f"Drop {_in_words(due)}?", yes=yes)
        purged = retention.purge(now=now)
        self.tell(asdict(purged), f"Dropped {_in_words(purged)}.", as_json=json)


def _in_words(what: retention.Expired) -> str:
    months = ", ".join(what.audit_months) or "no month"
    return f"{months} of the audit log and {what.idempotency_records} idempotency records"
