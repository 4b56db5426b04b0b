from typing import Any

import pytest
from django.conf import settings

from gateways import registry
from gateways.watching import WatchedAdapter

pytestmark = pytest.mark.django_db  # an account may be there


@pytest.fixture(autouse=True)
def _forgotten() -> Any:
    registry.forget_adapters()
    yield
    registry.forget_adapters()


class TestAdapterFor:
    @pytest.mark.parametrize("code", registry.CODES)
    def test_returns_the_gateways_own_watched(self, code: str) -> None:
        adapter = registry.adapter_for(code)

        assert isinstance(adapter, WatchedAdapter)
        assert adapter.code == code

    def test_keeps_one_with_one_session(self) -> None:
        assert registry.adapter_for("xendit") is registry.adapter_for("xendit")

    def test_knows_no_other(self) -> None:
        with pytest.raises(KeyError, match="paypal"):
            registry.adapter_for("paypal")


class TestForgetAdapters:
    def test_makes_the_settings_count_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = registry.adapter_for("xendit")
        monkeypatch.setitem(settings.XENDIT, "callback_token", "another")

        assert registry.adapter_for("xendit") is before
        registry.forget_adapters()

        registry.adapter_for("xendit").authenticate(
            headers={"x-callback-token": "another"}, body=b"{}"
        )
