import os
import subprocess
import sys
import time

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from paytrust.localstack.embedded import PROJECT
from tests.conftest import Merchant
from tests.events import factories
from tests.events.factories import SECRET
from tests.events.receivers import Shop


@pytest.mark.usefixtures("asleep")
def test_the_example_carries_events_to_a_shop_on_ones_own_machine(
    merchant: Merchant, receiver: Shop
) -> None:
    example = PROJECT / "docs" / "examples" / "listen.py"
    listener = subprocess.Popen(
        [sys.executable, str(example), merchant.url, receiver.url, SECRET],
        env={**os.environ, "PAYTRUST_API_KEY": merchant.key},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        time.sleep(2)  # it starts
        now = timezone.now()
        [event] = factories.events(merchant.tenant, now=now)
        deadline = time.monotonic() + 15
        while not receiver.received:
            assert time.monotonic() < deadline, "nothing was carried"
            assert listener.poll() is None, listener.stderr and listener.stderr.read()
            time.sleep(0.1)
    finally:
        listener.kill()
        listener.communicate()
        factories.events(merchant.tenant)  # ends the request that still waits

    [came] = receiver.received
    assert Webhook(SECRET).verify(came.body, came.headers)["id"] == event.public_id
