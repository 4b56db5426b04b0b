"""Standard Webhooks' official libraries verify what is sent, unchanged."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from django.utils import timezone

from events.deliveries import signing
from events.endpoints import secrets
from tests.apikeys.factories import TenantFactory
from tests.events import factories

NPM, NODE = shutil.which("npm") or "", shutil.which("node") or ""
SCRIPT = """
const { Webhook } = require("standardwebhooks");
const { secret, headers, body } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const told = new Webhook(secret).verify(body, headers);
let refused = false;
try { new Webhook(secret).verify(body + " ", headers); } catch (error) { refused = true; }
console.log(JSON.stringify({ id: told.id, refused }));
"""


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.skipif(not (NPM and NODE), reason="npm is not here")
def test_the_library_for_node_verifies_what_is_sent(tmp_path: Path) -> None:
    installed = subprocess.run(
        [NPM, "install", "--no-audit", "--no-fund", "standardwebhooks@1.1.1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if installed.returncode:
        pytest.skip(f"npm cannot install: {installed.stderr[-200:]}")
    now = timezone.now()
    [event] = factories.events(TenantFactory.create(), now=now)
    older, newer = secrets.new_secret(), secrets.new_secret()
    body = signing.body_of(event)
    headers = signing.headers_of(event, body, secrets=[newer, older], now=now)

    for secret in (older, newer):
        verified = subprocess.run(
            [NODE, "-e", SCRIPT],
            cwd=tmp_path,
            input=json.dumps({"secret": secret, "headers": headers, "body": body.decode()}),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )

        assert json.loads(verified.stdout) == {"id": event.public_id, "refused": True}
