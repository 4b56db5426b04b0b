"""Rotate one API key, or all old ones."""

from argparse import ArgumentParser
from datetime import timedelta

from django.core.management.base import CommandError
from django.utils import timezone

from apikeys.keys import selectors, services
from apikeys.keys.serializers import MOST_GRACE_HOURS
from apikeys.management.commands._operator import OperatorCommand, caller, in_words, shown
from apikeys.models import ApiKey

MOST_DAYS = 36_500


class Command(OperatorCommand):
    help = "Give API keys new secrets and print them, once. The old ones end at once, or later."
    harmful = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("id", type=int, nargs="?")
        which.add_argument(
            "--older-than",
            type=int,
            metavar="DAYS",
            help="every active key whose secret is older than so many days, 1 to 36500",
        )
        parser.add_argument(
            "--grace-hours",
            type=int,
            default=0,
            choices=range(MOST_GRACE_HOURS + 1),
            metavar="HOURS",
            help="for how many hours, 0 to 72, the old secrets are accepted too; 0 unless given",
        )

    def handle(
        self,
        *args: object,
        id: int | None,  # noqa: A002  # the argument's name
        older_than: int | None,
        grace_hours: int,
        yes: bool,
        json: bool,
        **options: object,
    ) -> None:
        now = timezone.now()
        if older_than is not None and not 1 <= older_than <= MOST_DAYS:
            raise CommandError(f"--older-than takes 1 to {MOST_DAYS} days, not {older_than}.")
        try:
            if older_than is None:
                old = [selectors.key_by_id(key_id=id or 0)]
            else:
                old = list(selectors.keys_older_than(moment=now - timedelta(days=older_than)))
            if old:
                names = "\n".join(f"  {in_words(key)}" for key in old)
                when = f" in {grace_hours} hours" if grace_hours else ""
                self.confirm(
                    f"Their present secrets stop working{when}:\n{names}\nRotate?", yes=yes
                )
            grace = timedelta(hours=grace_hours)
            rotated = [
                services.rotate_key(key_id=key.pk, caller=caller(), now=now, grace=grace)
                for key in old
            ]
        except ApiKey.DoesNotExist:
            raise CommandError(f"There is no key {id}.") from None
        except services.ApiKeyNotActive as error:
            raise CommandError(str(error)) from error
        self.tell(
            [shown(api_key, secret=key) for api_key, key in rotated],
            "\n".join(f"Rotated {in_words(api_key)}:\n{key}" for api_key, key in rotated)
            or "No key is that old.",
            as_json=json,
        )
