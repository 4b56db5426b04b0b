"""`manage.py import_bank_statement`: read a camt.053, also one that is too large for the form."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from payments.bank import reading, services
from payments.models import BankEntry
from paytrust.errors import PayTrustError


class Command(BaseCommand):
    help = "Import a bank statement (camt.053.001.08) and match payouts with its entries."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **options: object) -> None:
        try:
            with file.open("rb") as stream:
                content = stream.read(reading.LARGEST_FILE + 1)
            made = services.import_file(
                content=content, file_name=file.name, user=None, now=timezone.now()
            )
        except (OSError, PayTrustError) as error:
            raise CommandError(str(error)) from error
        entries = BankEntry.objects.filter(statement__file=made)
        matched = entries.filter(status="matched").count()
        self.stdout.write(f"Import {made.pk}: {entries.count()} entries, {matched} matched")
