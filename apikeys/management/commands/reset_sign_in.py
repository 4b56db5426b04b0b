"""Reset how a member of staff signs in."""

from argparse import ArgumentParser

import structlog
from django.contrib.auth.models import User
from django.core.management.base import CommandError

from apikeys.management.commands._operator import OperatorCommand, caller
from paytrust.staff import sign_in

log = structlog.get_logger(__name__)


class Command(OperatorCommand):
    help = (
        "Remove the second factor and lock-outs of a member of staff. With their password they"
        " set up a new one at their next sign-in."
    )
    harmful = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("username")

    def handle(
        self, *args: object, username: str, yes: bool, json: bool, **options: object
    ) -> None:
        user = User.objects.filter(username=username, is_staff=True).first()
        if user is None:
            raise CommandError(f"There is no member of staff {username!r}.")
        self.confirm(f"Let {username} sign in with the password alone?", yes=yes)
        sign_in.start_over(user)
        log.warning("sign_in_reset", staff_id=user.pk, actor=caller().actor)
        self.tell(
            {"username": username},
            f"{username} sets up a new second factor at the next sign-in.",
            as_json=json,
        )
