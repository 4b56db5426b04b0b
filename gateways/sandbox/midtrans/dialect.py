"""The refusals of Midtrans's two APIs."""

from typing import Any

from gateways.sandbox import simulator
from gateways.sandbox.calls import Call, html_limited
from gateways.sandbox.faults import Rule
from gateways.sandbox.idempotency import IdempotencyKeys
from gateways.sandbox.messages import Answer, Refused
from gateways.sandbox.midtrans.transactions import sign

MESSAGES = {
    "404": "Transaction doesn't exist.",
    "406": "The request could not be completed due to a conflict with the current state of the"
    " target resource, please try again",
    "412": "Merchant cannot modify the status of the transaction",
    "429": "Too many requests, please try again later",
    "500": "Sorry, we encountered internal server error. We will fix this soon.",
    "503": "Sorry, we are under maintenance. Please try again later.",
}


class _Midtrans:
    gateway = "midtrans"
    api = ""

    def secret(self, sandbox: "simulator.Simulator") -> str:
        return sandbox.accounts.midtrans.server_key

    def over_limit(self, call: Call) -> Answer | None:
        """Refuse a call above the limit; only charges say so in the body (gateways-2.md C3)."""
        sandbox = call.simulator
        room = sandbox.limiter.take(
            f"{self.gateway} {self.api}",
            call.route,
            limit=sandbox.accounts.midtrans.rate_limit_per_minute,
            now=sandbox.clock.now(),
        )
        if not room.passed:
            return None
        charge = self.api == "core" and call.route == "create"
        return problem("429", MESSAGES["429"], None) if charge else html_limited()

    def headers(self, call: Call) -> dict[str, str]:
        return {"X-Request-Id": call.simulator.identifiers.uuid()}

    def external_id(self, call: Call) -> str:
        return str(call.fields.get("custom_field1") or "")

    def reference(self, call: Call) -> str:
        details = call.fields.get("transaction_details")
        if call.route == "create" and isinstance(details, dict):
            return str(details.get("order_id", ""))
        if (token := call.path.get("token")) is not None:
            known = call.simulator.midtrans.snap.by_token(token)
            return "" if known is None else known.order.id
        name = call.path.get("name", "")
        transaction = call.simulator.midtrans.ledger.find(name)
        return name if transaction is None else transaction.order_id

    def idempotency(self, call: Call) -> tuple[IdempotencyKeys, str] | None:
        key = call.request.headers.get("Idempotency-Key")
        if call.request.method != "POST" or not key:
            return None
        return call.simulator.keys["midtrans"], key


class CoreDialect(_Midtrans):
    """Core: the body's status_code says what the HTTP status mostly does not say."""

    api = "core"

    def unauthorized(self, sandbox: "simulator.Simulator") -> Answer:
        legacy = sandbox.accounts.midtrans.http_status_mode == "legacy"
        answer = problem("401", "Unknown Merchant server_key/id", sandbox.identifiers.uuid())
        answer.status = 200 if legacy else 401
        return answer

    def malformed(self) -> Answer:
        return problem("413", "The request cannot be processed due to malformed syntax", None)

    def failure(self, status: int) -> Answer:
        answer = problem(str(status), MESSAGES[str(status)], None)
        answer.status = status
        return answer

    def rate_limited(self, reset_seconds: float) -> Answer:
        answer = problem("429", MESSAGES["429"], None)
        answer.status = 429
        answer.headers = {
            "Rate-Limit-Reset": f"{reset_seconds:g}",
            "Retry-After": f"{reset_seconds:.0f}",
        }
        return answer

    def concurrent(self) -> Answer:
        text = "A request with the same Idempotency-Key is being processed"
        answer = problem("202", text, None)
        answer.status = 202
        return answer

    def spoil(self, body: dict[str, Any], rule: Rule, sandbox: "simulator.Simulator") -> None:
        """Change an answer as a fault says; signed fields stay as they are."""
        match rule.fault:
            case "extra_field":
                body["sandbox_extra_field"] = {"added": "later"}
            case "missing_field":
                body.pop(str(rule.options.get("field", "transaction_status")), None)
            case "new_enum":
                body["payment_type"] = "telepathy"
                for number in body.get("va_numbers", []):
                    number["bank"] = "bank_of_tomorrow"
            case "uppercase_status" if "transaction_status" in body:
                body["transaction_status"] = body["transaction_status"].upper()
                if body["status_code"] == "201":
                    body["status_code"] = "200"
            case "id_swap" if "transaction_id" in body:
                body["order_id"] = body["transaction_id"]
        if "signature_key" in body:
            sign(body, sandbox.accounts.midtrans.server_key)


class SnapDialect(_Midtrans):
    """Snap: real HTTP statuses and a list of messages."""

    api = "snap"

    def unauthorized(self, sandbox: "simulator.Simulator") -> Answer:
        return snap_problem(
            401,
            "Access denied due to unauthorized transaction, please check client or server key",
            "Visit https://snap-docs.midtrans.com/#request-headers for more details",
        )

    def malformed(self) -> Answer:
        return snap_problem(400, "JSON body is malformed")

    def failure(self, status: int) -> Answer:
        return snap_problem(status, MESSAGES[str(status)])

    def rate_limited(self, reset_seconds: float) -> Answer:
        answer = snap_problem(429, MESSAGES["429"])
        answer.headers = {
            "Rate-Limit-Reset": f"{reset_seconds:g}",
            "Retry-After": f"{reset_seconds:.0f}",
        }
        return answer

    def concurrent(self) -> Answer:
        return snap_problem(202, "A request with the same Idempotency-Key is being processed")

    def spoil(self, body: dict[str, Any], rule: Rule, sandbox: "simulator.Simulator") -> None:
        if rule.fault == "extra_field":
            body["sandbox_extra_field"] = {"added": "later"}
        elif rule.fault == "missing_field":
            body.pop(str(rule.options.get("field", "redirect_url")), None)


def problem(code: str, message: str, identifier: str | None, **more: object) -> Answer:
    """Return Core's error body; most come under HTTP 200."""
    body: dict[str, object] = {"status_code": code, "status_message": message}
    if identifier is not None:
        body["id"] = identifier
    return Answer(body | more)


def refuse(call: Call, code: str, message: str = "", **more: object) -> Refused:
    """Return Core's refusal of this call."""
    text = message or MESSAGES[code]
    return Refused(problem(code, text, call.simulator.identifiers.uuid(), **more))


def snap_problem(status: int, *messages: str) -> Answer:
    return Answer({"error_messages": list(messages)}, status=status)
