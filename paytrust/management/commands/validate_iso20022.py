"""`manage.py validate_iso20022 FILE...`: which message each file is, and whether it is valid."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from paytrust.iso20022 import reading, validation
from paytrust.iso20022.messages import Message


class Command(BaseCommand):
    help = "Say for each ISO 20022 file which message it is, whether it is valid, and why not."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")

    def handle(self, *, files: list[Path], **options: object) -> None:
        verdicts = [self._verdict(file) for file in files]
        for file, (words, problems) in zip(files, verdicts, strict=True):
            self.stdout.write(f"{file}: {words}")
            for problem in problems:
                self.stdout.write(f"  {problem}")
        refused = sum(bool(problems) for _, problems in verdicts)
        if refused:
            raise CommandError(f"{refused} of {len(files)} files are not valid.")

    def _verdict(self, file: Path) -> tuple[str, list[str]]:
        """Return which message a file is, and its faults as texts."""
        try:
            with file.open("rb") as stream:
                root = reading.parse(stream.read(reading.LIMIT_BYTES + 1))
        except OSError as error:
            return "cannot be opened", [error.strerror or str(error)]
        except reading.UnreadableDocument as error:
            return "cannot be read", [str(error)]
        message = validation.message_of(root)
        if message is None:
            return "is no message known here", [f"Known are {', '.join(Message)}."]
        problems = validation.problems(root, message)
        return f"{message}, {'not valid' if problems else 'valid'}", problems
