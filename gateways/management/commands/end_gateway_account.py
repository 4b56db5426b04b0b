"""Let a tenant's payments use the platform's account again."""

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gateways import descriptors
from gateways.accounts import credentials


class Command(BaseCommand):
    help = (
        "End a tenant's own account with a gateway: its next payments are opened with the"
        " platform's. Those that are open stay with the account that opened them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("gateway", choices=sorted(descriptors.codes()))
        parser.add_argument("--tenant-id", type=int, required=True)

    def handle(self, *args: object, gateway: str, tenant_id: int, **options: object) -> None:
        try:
            credentials.end(gateway_code=gateway, tenant_id=tenant_id, now=timezone.now())
        except credentials.NoSuchAccount as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"Ended. Tenant {tenant_id}'s payments go by the platform's account within half a"
            " minute."
        )
