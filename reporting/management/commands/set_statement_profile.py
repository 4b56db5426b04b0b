"""`manage.py set_statement_profile`: what a merchant's statements say, and who gets them."""

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apikeys.models import Tenant
from reporting.models import StatementProfile

FIELDS = ("legal_name", "registration_number", "tax_number", "address", "language", "zone", "email")


class Command(BaseCommand):
    help = "Set the fields of a merchant on monthly statements; those left out stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant_id", type=int)
        for name in FIELDS:
            parser.add_argument(f"--{name.replace('_', '-')}")

    def handle(self, *, tenant_id: int, **options: str | None) -> None:
        tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {tenant_id}.")
        profile = StatementProfile.objects.filter(tenant=tenant).first()
        profile = profile or StatementProfile(tenant=tenant, legal_name=tenant.name)
        for name in FIELDS:
            if (value := options.get(name)) is not None:
                setattr(profile, name, value or None if name == "email" else value)
        profile.updated_at = timezone.now()
        try:
            profile.full_clean(exclude=["email"] if profile.email is None else None)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        profile.save()
        self.stdout.write(f"Tenant {tenant_id}: {profile.legal_name}, {profile.email or 'no mail'}")
