"""Compare a gateway's test account with what docs/gateway-facts.md says, and record it."""

import argparse
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gateways import descriptors
from gateways.certifying import findings, midtrans, xendit
from gateways.certifying.findings import Findings, Verdict
from gateways.certifying.playing import Trial
from gateways.certifying.recording import Recorder

PLAYED = ("xendit", "midtrans")


class Command(BaseCommand):
    help = (
        "Try create, get, expire, pay and refund with a gateway's test account, print what was"
        " found beside docs/gateway-facts.md, and write the exchanges as fixtures. Addresses and"
        " keys come from the gateway's variables in the environment. No real money moves."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("gateway", choices=PLAYED)
        parser.add_argument(
            "--to", type=Path, required=True, metavar="FOLDER", help="where the fixtures go"
        )
        parser.add_argument(
            "--address",
            action="append",
            default=[],
            type=_pair,
            metavar="NAME=URL",
            help="instead of the environment's, such as base_url=https://api.xendit.co",
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=0,
            metavar="SECONDS",
            help="seconds to wait until a person pays on the page that is then named",
        )

    def handle(
        self,
        *,
        gateway: str,
        to: Path,
        address: list[tuple[str, str]],
        wait: float,
        **options: object,
    ) -> None:
        connection = _connection(gateway, dict(address))
        known = descriptors.of(gateway)
        recorder = Recorder(secrets=tuple(connection[name] for name in known.credentials))
        now, found = timezone.now(), Findings()
        trial = Trial(
            connection=connection,
            recorder=recorder,
            findings=found,
            run=f"CERT-{now:%Y%m%d%H%M%S}",
            say=self._say,
            wait_seconds=wait,
        )
        try:
            if gateway == "xendit":
                xendit.play(trial, now=now)
            else:
                midtrans.play(trial)
        except requests.RequestException as error:
            raise CommandError(f"{known.name} did not answer: {type(error).__name__}") from None
        finally:
            written = recorder.write(to)
            self._say(findings.table_of(found.rows))
            self._say(f"{len(written)} exchanges are in {to}.")
        if differing := found.count(Verdict.DIFFERS):
            raise CommandError(f"{differing} facts differ from docs/gateway-facts.md.")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def _connection(gateway: str, given: dict[str, str]) -> dict[str, str]:
    """Return addresses and keys of a test account.

    Raises:
        CommandError: an address has no such name, or the keys are not a test account's.
    """
    known, configured = descriptors.of(gateway), settings.GATEWAY_CONNECTIONS[gateway]
    if unknown := given.keys() - known.addresses.keys():
        names = ", ".join(known.addresses)
        raise CommandError(f"--address {', '.join(unknown)}: there are only {names}.")
    connection: dict[str, Any] = configured | given
    if not str(connection[known.key_name]).startswith(known.test_credentials):
        raise CommandError(
            f"{known.credentials[known.key_name]} is no test key: it must begin with"
            f" {' or '.join(known.test_credentials)}. Nothing was sent."
        )
    return {name: str(value) for name, value in connection.items()}


def _pair(text: str) -> tuple[str, str]:
    name, separator, url = text.partition("=")
    if not separator or not url.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError("it must be NAME=URL")
    return name, url
