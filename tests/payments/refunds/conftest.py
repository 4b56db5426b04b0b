import pytest

from tests.payments.refunds.gateway import RefundingGateway


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> RefundingGateway:
    made = RefundingGateway()
    monkeypatch.setattr("payments.refunds.sending.registry.adapter_for", made)
    return made
