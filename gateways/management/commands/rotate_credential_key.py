"""Seal every gateway credential and webhook secret under the newest key."""

import json
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from events.endpoints import secrets
from gateways.accounts import credentials

BAR_WIDTH = 30


class Command(BaseCommand):
    help = (
        "Seal every gateway credential and webhook secret under the first of CREDENTIAL_KEYS."
        " After an interruption it continues. Older keys may be removed from the setting"
        " once it has ended."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON, for programs")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: object, json: bool, yes: bool, **options: object) -> None:
        total = credentials.sealed_under_older_keys() + secrets.sealed_under_older_keys()
        if total and not yes:
            self._confirm(total)
        done = 0
        try:
            for _ in chain(credentials.seal_anew(now=timezone.now()), secrets.seal_anew()):
                done += 1
                if not json:
                    self._show_progress(done, total)
        except (credentials.CredentialsUnreadable, secrets.SecretUnreadable) as error:
            raise CommandError(f"{error} Add the key that sealed it to CREDENTIAL_KEYS.") from error
        self._tell(done, as_json=json)

    def _confirm(self, total: int) -> None:
        try:
            answer = input(f"Seal {total} secrets under the newest key? [y/N] ")
        except EOFError:
            raise CommandError("Nobody answers; add --yes to go ahead.") from None
        if answer.strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was changed.")

    def _show_progress(self, done: int, total: int) -> None:
        bar = "#" * (BAR_WIDTH * done // total)
        self.stderr.write(f"\r[{bar:<{BAR_WIDTH}}] {done}/{total}", ending="")

    def _tell(self, done: int, *, as_json: bool) -> None:
        result: dict[str, Any] = {"sealed": done, "key": credentials.newest_key_name()}
        text = f"Sealed {done} secrets under key {result['key']}; none is left under another."
        self.stdout.write(json.dumps(result) if as_json else text)
