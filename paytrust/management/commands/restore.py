"""`manage.py restore`: fill an empty database from a file that `backup` made."""

from pathlib import Path

import environ
from django.core.management.base import BaseCommand, CommandError, CommandParser

from paytrust.backups import dumps, sealed_files


class Command(BaseCommand):
    help = (
        "Fill an empty database from a backup, wholly or not at all. Then run `migrate` and"
        " `audit_books` on it. The address, with its password, is read from RESTORE_URL."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--private-key", type=Path, help="a PEM file")
        parser.add_argument("--programs", type=Path, help="the folder of pg_restore; or the PATH")
        parser.add_argument("--verify", action="store_true", help="compare the checksum only")

    def handle(
        self,
        *,
        file: Path,
        private_key: Path | None,
        programs: Path | None,
        verify: bool,
        **options: object,
    ) -> None:
        try:
            if verify:
                dumps.verify(file)
                self.stdout.write(f"{file} is what was written.")
                return
            if private_key is None:
                raise CommandError("Name the private key with --private-key.")
            seconds = dumps.restore(
                source=file,
                key=sealed_files.private_key(private_key.read_bytes()),
                into=environ.Env().db("RESTORE_URL"),
                programs=programs,
            )
        except (dumps.BackupFailed, OSError, ValueError, TypeError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored in {seconds:.1f} s. Now: migrate, then audit_books.")
