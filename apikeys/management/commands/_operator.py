"""What the commands on keys share: who runs them, the question before harm, the output."""

import getpass
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apikeys.audit.recording import Caller
from apikeys.keys.serializers import ApiKeyResponse
from apikeys.models import ApiKey
from paytrust.web import strict_json


class OperatorCommand(BaseCommand):
    """A command with --json; with `harmful`, it asks first unless --yes."""

    harmful = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON, for programs")
        if self.harmful:
            parser.add_argument("--yes", action="store_true", help="do not ask")

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask for a yes, unless --yes was given.

        Raises:
            CommandError: the answer is not yes, or the input has ended.
        """
        if yes:
            return
        try:
            answer = input(f"{question} [y/N] ")
        except EOFError:
            raise CommandError("Nobody answers; add --yes to go ahead.") from None
        if answer.strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was changed.")

    def tell(self, value: object, text: str, *, as_json: bool) -> None:
        """Print what was done, for programs or for people."""
        if as_json:
            self.stdout.write(json.dumps(json.loads(strict_json.encode(value)), indent=2))
        else:
            self.stdout.write(text)


def caller() -> Caller:
    """Return the person at the keyboard, for the audit log."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return Caller(actor=f"command line: {user}")


def shown(api_key: ApiKey, *, secret: str | None = None) -> dict[str, Any]:
    """Return a key as the API shows it; with its secret if it was just made."""
    fields = ApiKeyResponse(api_key).data
    return {**fields, "api_key": secret} if secret else {**fields}


def in_words(api_key: ApiKey) -> str:
    """Return one line about a key."""
    return (
        f"key {api_key.pk} ({api_key.key_prefix}..., {api_key.description},"
        f" tenant {api_key.tenant_id})"
    )
