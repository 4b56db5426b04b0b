"""Make an API key from the command line."""

from argparse import ArgumentParser

from django.core.management.base import CommandError
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from apikeys.keys import services
from apikeys.keys.serializers import ApiKeyRequest
from apikeys.management.commands._operator import OperatorCommand, caller, in_words, shown


class Command(OperatorCommand):
    help = "Make an API key and print it, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("description", help="what the key is for")
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--tenant-id", type=int)
        whose.add_argument("--tenant-name", help="made if there is none; neither: a new tenant")
        parser.add_argument(
            "--scope",
            action="append",
            dest="scopes",
            metavar="SCOPE",
            help="read, write, refund or reports; may be repeated; all unless given",
        )
        parser.add_argument(
            "--address",
            action="append",
            dest="addresses",
            metavar="CIDR",
            help="from where it may be used; may be repeated; everywhere unless given",
        )
        parser.add_argument("--expires-at", metavar="TIME", help="such as 2027-01-01T00:00:00Z")
        parser.add_argument(
            "--prefixed", action="store_true", help="a ptk_live_ key instead of 64 characters"
        )

    def handle(
        self,
        *args: object,
        description: str,
        tenant_id: int | None,
        tenant_name: str | None,
        scopes: list[str] | None,
        addresses: list[str] | None,
        expires_at: str | None,
        prefixed: bool,
        json: bool,
        **options: object,
    ) -> None:
        request = ApiKeyRequest(
            data={
                "description": description,
                **({} if tenant_id is None else {"tenant_id": tenant_id}),
                **({} if tenant_name is None else {"tenant_name": tenant_name}),
                **({} if scopes is None else {"scopes": scopes}),
                **({} if addresses is None else {"allowed_addresses": addresses}),
                **({"format": "prefixed"} if prefixed else {}),
                "expires_at": expires_at,
            }
        )
        try:
            request.is_valid(raise_exception=True)
            api_key, key = services.issue_key(
                **request.wanted(), caller=caller(), now=timezone.now()
            )
        except ValidationError as error:
            raise CommandError(
                " ".join(f"{name}: {' '.join(why)}" for name, why in request.errors.items())
            ) from error
        except services.UnknownTenant as error:
            raise CommandError(f"There is no tenant {tenant_id}.") from error
        self.tell(
            shown(api_key, secret=key),
            f"Made {in_words(api_key)}. It is shown this once:\n{key}",
            as_json=json,
        )
