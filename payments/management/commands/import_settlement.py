"""`manage.py import_settlement`: read a gateway's settlement file, or show what it would do."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gateways import descriptors
from gateways.models import Gateway, GatewayAccount
from payments.settlement import services, staging
from paytrust.errors import PayTrustError
from paytrust.money import EXPONENTS

BAR = 40  # characters


class Command(BaseCommand):
    help = "Import a gateway's settlement file (CSV or XLSX) and match it with the books."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("gateway", choices=descriptors.codes())
        parser.add_argument("file", type=Path)
        parser.add_argument("--account", type=int, help="the account's id; none: the platform's")
        parser.add_argument("--currency", default="IDR", choices=sorted(EXPONENTS))
        parser.add_argument("--preview", action="store_true", help="keep nothing")

    def handle(
        self,
        *,
        gateway: str,
        file: Path,
        account: int | None,
        currency: str,
        preview: bool,
        **options: object,
    ) -> None:
        now = timezone.now()
        try:
            whose = None if account is None else GatewayAccount.objects.get(pk=account)
            known = Gateway.objects.get(code=gateway)
            with file.open("rb") as content:
                upload = services.Upload(
                    gateway=known,
                    account=whose,
                    file=content,
                    file_name=file.name,
                    currency=currency,
                )
                if preview:
                    self._show(services.preview_file(upload=upload, now=now))
                    return
                tell = self._tell if self.stdout.isatty() else staging.quietly
                made = services.import_file(upload=upload, now=now, tell=tell)
        except (OSError, GatewayAccount.DoesNotExist, PayTrustError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Import {made.pk}: {made.line_count} lines, {made.new_count} new")

    def _show(self, seen: services.Preview) -> None:
        if not seen.is_whole:
            self.stdout.write(f"The first {seen.line_count} lines:")
        for state, count in sorted(seen.states.items()):
            self.stdout.write(f"{state}: {count}")

    def _tell(self, read: int, matched: int) -> None:
        done = BAR * matched // read if read else 0
        bar = "#" * done + "." * (BAR - done)
        self.stdout.write(f"\r[{bar}] {matched} of {read} lines", ending="\r")
        self.stdout.flush()
