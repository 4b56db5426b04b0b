"""Carry PayTrust's events to a shop on your own machine, signed as webhooks are.

pip install requests standardwebhooks
PAYTRUST_API_KEY=... python listen.py http://127.0.0.1:8000 http://127.0.0.1:4242/ whsec_c2VjcmV0

The last argument is a secret of your choice, `whsec_` and base64: your shop verifies with it.
"""

import json
import os
import sys
import time
from datetime import UTC, datetime

import requests
from standardwebhooks import Webhook


def forward(event, shop, webhook):
    body, now = json.dumps(event), datetime.now(UTC)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": event["id"],
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": webhook.sign(event["id"], now, body),
    }
    answer = requests.post(shop, data=body, headers=headers, timeout=15)
    print(event["type"], event["id"], answer.status_code, flush=True)
    answer.raise_for_status()


def listen(paytrust, shop, secret):
    key = {"X-API-Key": os.environ["PAYTRUST_API_KEY"]}
    asked = {"wait": "25", "since": datetime.now(UTC).isoformat()}
    while True:
        try:
            page = requests.get(f"{paytrust}/events", params=asked, headers=key, timeout=40)
            page.raise_for_status()
            for event in page.json()["results"]:
                forward(event, shop, Webhook(secret))
            asked = {"wait": "25", "cursor": page.json()["cursor"]}
        except requests.RequestException as error:
            print(error, "; trying again in 5 seconds", file=sys.stderr, flush=True)
            time.sleep(5)


if __name__ == "__main__":
    listen(*sys.argv[1:])
