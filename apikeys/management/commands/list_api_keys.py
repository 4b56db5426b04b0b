"""Show the API keys."""

from argparse import ArgumentParser

from apikeys.keys import selectors
from apikeys.management.commands._operator import OperatorCommand, shown
from apikeys.models import ApiKey

COLUMNS = "{:>8}  {:<6}  {:>8}  {:<8}  {:<20}  {:<20}  {}"


class Command(OperatorCommand):
    help = "List API keys, newest first; never the keys themselves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tenant-id", type=int)
        parser.add_argument("--status", choices=ApiKey.Status.values)

    def handle(
        self,
        *args: object,
        tenant_id: int | None,
        status: str | None,
        json: bool,
        **options: object,
    ) -> None:
        keys = list(selectors.keys(tenant_id=tenant_id, status=status))
        lines = [COLUMNS.format("id", "prefix", "tenant", "status", "made", "last used", "for")]
        lines += [
            COLUMNS.format(
                key.pk,
                key.key_prefix,
                key.tenant_id,
                key.status,
                f"{key.rotated_at or key.created_at:%Y-%m-%dT%H:%M:%SZ}",
                f"{key.last_used_at:%Y-%m-%dT%H:%M:%SZ}" if key.last_used_at else "never",
                key.description,
            )
            for key in keys
        ]
        self.tell([shown(key) for key in keys], "\n".join(lines), as_json=json)
