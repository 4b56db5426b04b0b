"""Check the audit logs for entries that were changed, removed or added."""

from dataclasses import asdict

from django.core.management.base import CommandError
from django.utils import timezone

from apikeys.audit import seals
from apikeys.management.commands._operator import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Compare the keys' audit log and the trail of staff acts with their seals, and the trail"
        " with what two people decided; ends with code 1 if something was tampered with."
    )

    def handle(self, *args: object, json: bool, **options: object) -> None:
        verdict = seals.verify(now=timezone.now())
        lines = [f"{verdict.sealed} entries are sealed, {verdict.unsealed} not yet."]
        lines += [_in_words(found) for found in verdict.breaks]
        self.tell(asdict(verdict), "\n".join(lines), as_json=json)
        if verdict.breaks:
            raise CommandError(f"The audit log does not hold: {len(verdict.breaks)} breaks.")


def _in_words(found: seals.Break) -> str:
    link = "" if found.sequence is None else f", link {found.sequence}"
    entry = "" if found.entry_id is None else f", entry {found.entry_id}"
    chain = "staff acts" if found.tenant_id is None else f"tenant {found.tenant_id}"
    return f"{chain}{link}{entry}: {found.what}"
