"""`manage.py backup`: the whole database as one file that only a private key opens."""

import json
from dataclasses import asdict
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from paytrust.backups import dumps, sealed_files


class Command(BaseCommand):
    help = (
        "Dump the database into a file encrypted by a public key (X25519), with its checksum"
        " beside it. Needs pg_dump of the server's version or newer, and the owner's login."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--public-key", type=Path, required=True, help="a PEM file")
        parser.add_argument("--programs", type=Path, help="the folder of pg_dump; or the PATH")

    def handle(
        self, *, file: Path, public_key: Path, programs: Path | None, **options: object
    ) -> None:
        try:
            recipient = sealed_files.public_key(public_key.read_bytes())
            made = dumps.make(to=file, recipient=recipient, programs=programs)
        except (dumps.BackupFailed, OSError, ValueError, TypeError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(asdict(made)))
