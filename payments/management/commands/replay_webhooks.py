"""`manage.py replay_webhooks`: process stored notifications again, and print what each did."""

from collections import Counter
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from gateways.models import Gateway
from payments.booking import selectors
from payments.models import WebhookEvent
from payments.webhooks import confirming, retrying


class Command(BaseCommand):
    help = (
        "Process notifications again that had no effect yet: those named by id, or chosen by "
        "--failed, --since and --gateway together. Processed ones never change, and "
        "nothing is booked twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="of a notification")
        parser.add_argument("--failed", action="store_true", help="only those given up")
        parser.add_argument(
            "--since", type=_time, metavar="TIME", help="received since, ISO 8601 with offset"
        )
        parser.add_argument("--gateway", metavar="CODE", help="xendit or midtrans")
        parser.add_argument("--dry-run", action="store_true", help="list them, change nothing")

    def handle(self, *, ids: list[int], dry_run: bool, **options: Any) -> None:  # noqa: ANN401  # Django's own
        events = self._chosen(ids, **options)
        total, outcomes = len(events), Counter[str]()
        for number, event in enumerate(events, start=1):
            after = event.outcome or event.status if dry_run else _replay(event)
            outcomes[after] += 1
            self.stdout.write(
                f"[{number}/{total}] {event.pk} {event.gateway.code} "
                f"{event.reference or '-'}: {event.outcome or event.status}"
                + ("" if dry_run else f" -> {after}")
            )
        verb = "would be replayed" if dry_run else "replayed"
        counted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        self.stdout.write(f"{total} {verb}" + (f": {counted}" if counted else ""))

    def _chosen(
        self,
        ids: list[int],
        *,
        failed: bool,
        since: datetime | None,
        gateway: str | None,
        **_options: object,
    ) -> list[WebhookEvent]:
        if not (ids or failed or since or gateway):
            raise CommandError("Name notifications by id, or give --failed, --since or --gateway.")
        if gateway is not None and not Gateway.objects.filter(code=gateway).exists():
            raise CommandError(f"There is no gateway {gateway!r}.")
        events = list(
            selectors.events_to_replay(ids=ids, failed=failed, since=since, gateway_code=gateway)
        )
        if missing := sorted(set(ids) - {event.pk for event in events}):
            named = ", ".join(map(str, missing))
            raise CommandError(f"Unknown, already processed, or not among those chosen: {named}")
        return events


def _replay(event: WebhookEvent) -> str:
    """Process one event at once and return its outcome."""
    try:
        retrying.retry(event_id=event.pk, now=timezone.now())
    except retrying.AlreadyProcessed:  # a task was faster
        return "already processed"
    confirming.process(event_id=event.pk, now=timezone.now())
    event = WebhookEvent.objects.get(pk=event.pk)
    return event.outcome or "in progress"


def _time(text: str) -> datetime:
    moment = parse_datetime(text)
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{text!r} is no ISO 8601 time with its offset")
    return moment
