"""Xendit's refusals, and its limit on calls."""

from typing import Any

from gateways.sandbox import simulator
from gateways.sandbox.calls import Call
from gateways.sandbox.faults import Rule
from gateways.sandbox.idempotency import IdempotencyKeys
from gateways.sandbox.messages import Answer, Refused
from gateways.sandbox.xendit.invoices import Invoice, merchants_number

JSON = "application/json; charset=utf-8"


def error(status: int, code: str, message: str, **more: object) -> Answer:
    body = {"error_code": code, "message": message, **more}
    return Answer(body, status=status, content_type=JSON)


def refuse(status: int, code: str, message: str) -> Refused:
    return Refused(error(status, code, message))


def invalid(field: str, message: str, kind: str) -> Refused:
    """Return the 400 that names one field of the body."""
    problem = {
        "field": [field],
        "location": "body",
        "messages": [f'"{field}" {message}'],
        "types": [kind],
    }
    text = "Invalid input data. Please check your request"
    return Refused(error(400, "API_VALIDATION_ERROR", text, errors=[problem]))


class XenditDialect:
    gateway = "xendit"

    def secret(self, sandbox: "simulator.Simulator") -> str:
        return sandbox.accounts.xendit.secret_key

    def unauthorized(self, sandbox: "simulator.Simulator") -> Answer:
        return error(401, "INVALID_API_KEY", "API key is invalid")

    def malformed(self) -> Answer:
        return error(400, "INVALID_JSON_FORMAT", "The request body is not valid JSON")

    def failure(self, status: int) -> Answer:
        text = "Error connecting to our server. Please try again later"
        return error(status, "SERVER_ERROR", text)

    def rate_limited(self, reset_seconds: float) -> Answer:
        answer = error(
            429,
            "RATE_LIMIT_EXCEEDED",
            "The API is being called too many times. Please try again later",
        )
        answer.headers = {
            "Rate-Limit-Remaining": "0",
            "Rate-Limit-Reset": f"{reset_seconds:g}",
        }
        return answer

    def concurrent(self) -> Answer:
        return error(409, "IDEMPOTENCY_ERROR", "A request with this key is being processed")

    def over_limit(self, call: Call) -> Answer | None:
        sandbox = call.simulator
        room = sandbox.limiter.take(
            self.gateway,
            call.route,
            limit=sandbox.accounts.xendit.rate_limit_per_minute,
            now=sandbox.clock.now(),
        )
        return self.rate_limited(room.reset_seconds) if room.passed else None

    def headers(self, call: Call) -> dict[str, str]:
        sandbox = call.simulator
        limit = sandbox.accounts.xendit.rate_limit_per_minute
        headers = {"Request-Id": sandbox.identifiers.digits(19)}
        if limit:
            room = sandbox.limiter.room(
                self.gateway, call.route, limit=limit, now=sandbox.clock.now()
            )
            headers |= {
                "Rate-Limit-Limit": str(limit),
                "Rate-Limit-Remaining": str(room.remaining),
                "Rate-Limit-Reset": f"{room.reset_seconds:g}",
            }
        return headers

    def external_id(self, call: Call) -> str:
        return merchants_number(call.fields) or ""

    def reference(self, call: Call) -> str:
        if call.route == "create":
            return str(call.fields.get("external_id", ""))
        if call.route == "list":
            return call.request.GET.get("external_id", "")
        invoice = _invoice_of(call)
        return "" if invoice is None else invoice.external_id

    def idempotency(self, call: Call) -> tuple[IdempotencyKeys, str] | None:
        key = call.request.headers.get("idempotency-key")
        if call.route != "refund" or not key:
            return None
        return call.simulator.keys["xendit"], key

    def spoil(self, body: dict[str, Any], rule: Rule, sandbox: "simulator.Simulator") -> None:
        """Change an answer as the fault `new_enum`, `missing_field` or `extra_field` says."""
        match rule.fault:
            case "extra_field":
                body["sandbox_extra_field"] = {"added": "later"}
            case "missing_field":
                body.pop(str(rule.options.get("field", "invoice_url")), None)
            case "new_enum":
                for bank in body.get("available_banks", []):
                    bank["bank_code"] = "BANK_OF_TOMORROW"
                if "payment_method" in body:
                    body |= {"payment_method": "TELEPATHY", "payment_channel": "BANK_OF_TOMORROW"}
                if "bank_code" in body:
                    body["bank_code"] = "BANK_OF_TOMORROW"


def _invoice_of(call: Call) -> Invoice | None:
    desk, fields = call.simulator.xendit, call.fields
    if (refund := desk.refunds.find(call.path.get("refund_id", ""))) is not None:
        return refund.invoice
    payment_id, request_id = call.path.get("payment_id"), fields.get("payment_request_id")
    if payment_id or request_id:
        found = desk.payment(str(payment_id or request_id), by_request=not payment_id)
        return found[0] if found else None
    return desk.find(call.path.get("invoice_id") or str(fields.get("invoice_id", "")))
