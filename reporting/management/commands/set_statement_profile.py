"""`manage.py set_statement_profile`: what a merchant's statements say, and who gets them."""

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apikeys.models import Tenant
from reporting.statements import services


class Command(BaseCommand):
    help = "Set the fields of a merchant on monthly statements; those left out stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant_id", type=int)
        for name in services.FIELDS:
            parser.add_argument(f"--{name.replace('_', '-')}")

    def handle(self, *, tenant_id: int, **options: str | None) -> None:
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {tenant_id}.")
        given = {name: options.get(name) for name in services.FIELDS}
        changes = {name: value for name, value in given.items() if value is not None}
        try:
            profile = services.set_profile(tenant=tenant, changes=changes, now=timezone.now())
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(f"Tenant {tenant_id}: {profile.legal_name}, {profile.email or 'no mail'}")
