"""What fits the document is refused only for reasons that the document has no words for."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from apikeys.keys.serializers import ApiKeyRequest
from events.endpoints.serializers import (
    EndpointChangeRequest,
    EndpointRequest,
    ReplayRequest,
    RotationRequest,
)
from invoices.invoices.serializers import (
    AdjustmentRequest,
    InvoiceCreateRequest,
    PaymentOpenRequest,
    SupplementaryRequest,
)
from payments.refunds.serializers import RefundCreateRequest
from paytrust.web.serializers import StrictSerializer

MERCHANTS, OPERATORS = "/openapi.json", "/openapi-admin.json"
BODIES: dict[type[StrictSerializer], tuple[str, str, str]] = {
    AdjustmentRequest: (MERCHANTS, "/invoices/{invoice_id}/installments", "PATCH"),
    ApiKeyRequest: (OPERATORS, "/api-keys", "POST"),
    EndpointChangeRequest: (MERCHANTS, "/webhook-endpoints/{endpoint_id}", "PATCH"),
    EndpointRequest: (MERCHANTS, "/webhook-endpoints", "POST"),
    InvoiceCreateRequest: (MERCHANTS, "/invoices", "POST"),
    PaymentOpenRequest: (MERCHANTS, "/invoices/{invoice_id}/payments", "POST"),
    RefundCreateRequest: (MERCHANTS, "/invoices/{invoice_id}/refunds", "POST"),
    ReplayRequest: (MERCHANTS, "/webhook-endpoints/{endpoint_id}/replay", "POST"),
    RotationRequest: (MERCHANTS, "/webhook-endpoints/{endpoint_id}/rotate-secret", "POST"),
    SupplementaryRequest: (MERCHANTS, "/invoices/{invoice_id}/supplementary", "POST"),
}
# One field's value against another's, and texts that are more than a pattern can tell.
NO_WORDS_FOR = (
    "Each number may be given once.",
    "Each type must be given only once.",
    "The star stands for all types: give it alone.",
    "Give due_dates or interval_days, not both.",
    "Give tenant_id or tenant_name, not both.",
    "Must be given for bank_transfer, and only for it.",
    "Must be given for cstore, and only for it.",
    "Must lie after since.",
    "Must lie ahead.",
    "Must be an e-mail address.",
    "Enter a valid email address.",
    "Enter a valid URL.",
    "Must lead to a web page or into an app.",
    "Must be an address or a network, such as 203.0.113.7 or 203.0.113.0/24.",
)


def cases(body: type[StrictSerializer]) -> st.SearchStrategy[Any]:
    document, path, method = BODIES[body]
    api = schemathesis.openapi.from_dict(Client().get(document).json())
    return api[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE)


def as_written(value: Any) -> Any:
    """Write whole numbers as such: to JSON Schema 5.0 is an integer, to PayTrust it is none."""
    if isinstance(value, dict):
        return {name: as_written(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_written(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def messages(errors: Any) -> Iterator[str]:
    if isinstance(errors, dict):
        for value in errors.values():
            yield from messages(value)
    elif isinstance(errors, list):
        for value in errors:
            yield from messages(value)
    else:
        yield str(errors)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_body_that_fits_is_taken(body: type[StrictSerializer]) -> None:
    @settings(
        max_examples=25,
        phases=[Phase.generate],  # to shrink one of these takes minutes
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(body))
    def holds(case: Any) -> None:
        sent = as_written(case.body) if isinstance(case.body, dict) else {}
        read = body(data=sent)
        if not read.is_valid():
            refused = [text for text in messages(read.errors) if text not in NO_WORDS_FOR]
            assert refused == [], sent

    holds()
