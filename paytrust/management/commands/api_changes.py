"""`manage.py api_changes`: what differs from the released API, as lines for docs/api-changes.md."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.http.response import HttpResponse
from django.test import RequestFactory
from django.urls import Resolver404, resolve

from paytrust.web.surface import difference, surface

DOCUMENTS: Final = ("/openapi.json", "/openapi-admin.json")


class Command(BaseCommand):
    help = "Print what differs from the released API. With --release, make this one the released."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--release", action="store_true", help="write docs/api-surface.txt from the code"
        )

    def handle(self, *, release: bool, **options: object) -> None:
        now = current()
        if release:
            snapshot().write_text("".join(f"{line}\n" for line in sorted(now)))
            self.stdout.write(f"{snapshot()} has {len(now)} lines.")
            return
        for title, lines in zip(("Added", "Removed"), difference(released(), now), strict=True):
            if lines:
                self.stdout.write(f"### {title}\n")
                self.stdout.write("".join(f"- `{line}`\n" for line in lines))


def snapshot() -> Path:
    """Return the file of the released API."""
    return Path(settings.BASE_DIR, "docs", "api-surface.txt")


def released() -> frozenset[str]:
    """Return the lines of the released API."""
    return frozenset(snapshot().read_text().splitlines())


def current() -> frozenset[str]:
    """Return the lines of the API as the code is."""
    return surface(*_documents())


def _documents() -> Iterator[dict[str, Any]]:
    for path in DOCUMENTS:
        try:
            found = resolve(path)
        except Resolver404:
            continue
        if found.route != path.removeprefix("/"):
            continue  # the pattern that answers 404 to everything
        answer: HttpResponse = found.func(RequestFactory().get(path))
        if hasattr(answer, "render"):
            answer.render()
        yield json.loads(answer.content)
