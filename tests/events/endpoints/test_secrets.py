import json

import pytest
from django.core.management import CommandError, call_command

from events.endpoints import secrets
from events.models import WebhookEndpoint
from tests.apikeys.factories import TenantFactory
from tests.events import factories
from tests.events.factories import NOON, SECRET

pytestmark = pytest.mark.django_db
NEW_KEY = "another-credential-key-of-more-than-thirty-two-characters"


class TestSealAnew:
    def test_lets_the_older_key_go(self, settings: object, capsys: pytest.CaptureFixture) -> None:
        older = secrets.new_secret()
        factories.endpoint(
            TenantFactory.create(),
            sealed_previous_secret=secrets.seal(older),
            previous_secret_until=NOON,
        )
        settings.CREDENTIAL_KEYS = [NEW_KEY, *settings.CREDENTIAL_KEYS]  # type: ignore[attr-defined]

        call_command("rotate_credential_key", "--yes", "--json")
        call_command("rotate_credential_key", "--yes", "--json")

        counts = [json.loads(line)["sealed"] for line in capsys.readouterr().out.splitlines()]
        settings.CREDENTIAL_KEYS = [NEW_KEY]  # type: ignore[attr-defined]
        endpoint = WebhookEndpoint.objects.get()
        assert counts == [1, 0]
        assert secrets.in_force(endpoint, now=NOON.replace(hour=1)) == [SECRET, older]

    def test_says_that_a_key_is_missing(self, settings: object) -> None:
        endpoint = factories.endpoint(TenantFactory.create())
        settings.CREDENTIAL_KEYS = [NEW_KEY]  # type: ignore[attr-defined]

        with pytest.raises(CommandError, match="cannot be opened"):
            call_command("rotate_credential_key", "--yes")

        assert WebhookEndpoint.objects.get().sealed_secret == endpoint.sealed_secret
