"""`manage.py fetch_settlements`: ask a gateway now for what it settled."""

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from gateways import descriptors
from gateways.adapter import GatewayError
from payments.settlement import fetching


class Command(BaseCommand):
    help = "Ask a gateway that has a list of transactions for what it settled, and match it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("gateway", choices=descriptors.codes())
        parser.add_argument("--account", type=int, help="the account's id; none: the platform's")
        parser.add_argument("--since", help="ISO 8601 with its offset; none: the last round")

    def handle(
        self, *, gateway: str, account: int | None, since: str | None, **options: object
    ) -> None:
        start = parse_datetime(since) if since else None
        if since and (start is None or start.tzinfo is None):
            raise CommandError("--since must be such as 2026-11-01T00:00:00Z.")
        try:
            made = fetching.fetch(code=gateway, account_id=account, now=timezone.now(), since=start)
        except GatewayError as error:
            raise CommandError(str(error)) from error
        if made is None:
            raise CommandError(f"{gateway} has no list: upload its file in the back office.")
        self.stdout.write(f"Import {made.pk}: {made.line_count} lines, {made.new_count} new")
