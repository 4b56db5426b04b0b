"""docs/webhook-events.md shows one event of each type exactly as PayTrust makes it here.

After a change on purpose: UPDATE_EXAMPLES=1 make test ARGS="tests/events/test_examples.py"
"""

import os
from typing import Any

import msgspec
import pytest
import structlog

from events.outbox.types import TYPES
from paytrust.localstack.embedded import PROJECT
from paytrust.web import strict_json
from tests.apikeys.factories import TenantFactory
from tests.events import examples

PAGE = PROJECT / "docs" / "webhook-events.md"
HEAD = """# One event of each type

Tests make these events and compare this page with them, so it shows what is sent; only ids are
replaced. [webhooks.md](webhooks.md) says when each is sent, and how to verify it.
"""


def page_of(events: dict[str, dict[str, Any]]) -> str:
    sections = [HEAD]
    for name in TYPES:
        if name in events:
            text = msgspec.json.format(strict_json.encode(events[name]), indent=2).decode()
            sections.append(f"## {name}\n\n```json\n{text}\n```\n")
    return "\n".join(sections)


@pytest.mark.django_db
@pytest.mark.usefixtures("asleep")
def test_the_page_shows_an_event_of_each_type() -> None:
    structlog.contextvars.clear_contextvars()  # the request of a test before
    events = examples.played(TenantFactory.create())

    page = page_of(events)
    if os.environ.get("UPDATE_EXAMPLES"):
        PAGE.write_text(page)

    assert set(events) == set(TYPES)
    assert PAGE.read_text() == page
