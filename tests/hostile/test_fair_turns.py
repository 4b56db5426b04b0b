"""With the real web process: a merchant whose bodies are refused does not delay the others."""

import threading
import time
from collections import Counter

import requests

from bench.hostile import shapes
from paytrust.web.turns import MOST_WAITING
from tests.conftest import Merchant

SENDERS = MOST_WAITING * 2 + 16  # two processes at most


def test_a_flood_of_refused_bodies_has_a_queue_of_its_own(
    merchant: Merchant, stranger: Merchant, web_port: int
) -> None:
    url = f"http://127.0.0.1:{web_port}"
    bodies = [body for body, status in shapes().values() if status == 400]
    ended, statuses = threading.Event(), Counter[tuple[int, str]]()
    assert requests.get(f"{url}/gateways", headers={"X-API-Key": merchant.key}, timeout=30).ok

    def flood(number: int) -> None:
        turn = number
        while not ended.is_set():
            turn += 1
            try:
                answer = requests.post(
                    f"{url}/invoices",
                    data=bodies[turn % len(bodies)],
                    headers={"X-API-Key": merchant.key, "Content-Type": "application/json"},
                    timeout=60,
                )
            except requests.ConnectionError:
                continue  # closed while it was being sent, as a refusal is
            statuses[answer.status_code, answer.json()["error"]] += 1

    threads = [threading.Thread(target=flood, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(1)
        served = [
            requests.get(
                f"{url}/gateways", headers={"X-API-Key": stranger.key}, timeout=30
            ).status_code
            for _ in range(20)
        ]
    finally:
        ended.set()
        for thread in threads:
            thread.join()

    assert served == [200] * 20
    assert statuses[429, "rate_limited"] > 0
    assert {status for status, _code in statuses} == {400, 429}
