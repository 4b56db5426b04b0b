"""Revoke an API key."""

from argparse import ArgumentParser

from django.core.management.base import CommandError
from django.utils import timezone

from apikeys.keys import selectors, services
from apikeys.management.commands._operator import OperatorCommand, caller, in_words, shown
from apikeys.models import ApiKey


class Command(OperatorCommand):
    help = "End an API key for ever. It is refused at once."
    harmful = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", type=int)

    def handle(
        self,
        *args: object,
        id: int,  # noqa: A002  # the argument's name
        yes: bool,
        json: bool,
        **options: object,
    ) -> None:
        try:
            known = selectors.key_by_id(key_id=id)
            self.confirm(f"Revoke {in_words(known)}?", yes=yes)
            revoked = services.revoke_key(key_id=id, caller=caller(), now=timezone.now())
        except ApiKey.DoesNotExist:
            raise CommandError(f"There is no key {id}.") from None
        self.tell(shown(revoked), f"Revoked {in_words(revoked)}.", as_json=json)
