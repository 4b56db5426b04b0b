"""Where an answer leads: the calls that take the id it holds."""

import re
from collections.abc import Iterator
from typing import Any, Final

# The operations whose answer is one thing with an `id`, and what paths call that id.
SOURCES: Final = {
    "createInvoice": "invoice_id",
    "createSupplementaryInvoice": "invoice_id",
    "getInvoice": "invoice_id",
    "refundInvoice": "refund_id",
    "createWebhookEndpoint": "endpoint_id",
    "getEvent": "event_id",
    "createApiKey": "key_id",
    "getApiKey": "key_id",
}


def link(result: dict[str, Any], **_asked: object) -> dict[str, Any]:
    """Link each of SOURCES to all operations that take its id and nothing else in their path."""
    targets = dict(_targets(result))
    for methods in result["paths"].values():
        for operation in methods.values():
            parameter = SOURCES.get(operation["operationId"])
            for status, answer in operation["responses"].items():
                if parameter and status in {"200", "201"}:
                    answer["links"] = {
                        target: {
                            "operationId": target,
                            "parameters": {parameter: "$response.body#/id"},
                        }
                        for target, taken in targets.items()
                        if taken == parameter and target != operation["operationId"]
                    }
    return result


def _targets(result: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for path, methods in result["paths"].items():
        names = re.findall(r"\{(\w+)\}", path)
        if len(names) == 1:
            yield from ((operation["operationId"], names[0]) for operation in methods.values())
