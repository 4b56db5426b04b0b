"""Give PayTrust the credentials of an account with a gateway."""

import json
import sys

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone

from gateways import descriptors
from gateways.accounts import credentials
from gateways.descriptor import GatewayDescriptor


def _object_of(gateway: GatewayDescriptor) -> str:
    names = ", ".join(f'"{name}": ...' for name in gateway.credentials)
    return f"{{{names}}}"


class Command(BaseCommand):
    help = (
        "Seal the credentials read as a JSON object from standard input, so that no shell keeps"
        " them. Their names: "
        + "; ".join(f"{one.name} {_object_of(one)}" for one in descriptors.all_served())
        + "."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("gateway", choices=sorted(descriptors.codes()))
        parser.add_argument("--tenant-id", type=int, help="a tenant's own account")
        parser.add_argument(
            "--another-account",
            action="store_true",
            help="the keys are another account's: open payments stay with the old account",
        )

    def handle(
        self,
        *args: object,
        gateway: str,
        tenant_id: int | None,
        another_account: bool,
        **options: object,
    ) -> None:
        keep = credentials.replace if another_account else credentials.store
        try:
            given = json.load(sys.stdin)
            if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
                raise CommandError("Standard input must be a JSON object of strings.")
            account = keep(
                gateway_code=gateway, tenant_id=tenant_id, credentials=given, now=timezone.now()
            )
        except json.JSONDecodeError:
            raise CommandError("Standard input is not JSON.") from None
        except credentials.WrongCredentials as error:
            raise CommandError(str(error)) from None
        except IntegrityError:
            raise CommandError(f"There is no tenant {tenant_id}.") from None
        self.stdout.write(f"Stored the credentials of {account}; in use within half a minute.")
