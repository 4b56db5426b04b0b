import re

from events.outbox.types import TYPES
from paytrust.localstack.embedded import PROJECT


def test_the_page_on_webhooks_lists_each_type() -> None:
    page = (PROJECT / "docs" / "webhooks.md").read_text()
    catalog = page.partition("## The events")[2].partition("\n## ")[0]

    listed = set(re.findall(r"`([a-z]+\.[a-z_]+)`", catalog))

    assert listed == set(TYPES)
