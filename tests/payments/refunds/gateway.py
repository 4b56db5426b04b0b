"""A gateway that gives money back as the test says."""

from collections.abc import Callable

from gateways.refunds import RefundOrder, RefundReport, RefundState

Answer = Exception | RefundState


class RefundingGateway:
    """Stands for `registry.adapter_for`; remembers what it was asked."""

    code = "xendit"

    def __init__(self) -> None:
        self.answer: Answer = RefundState.SUCCEEDED
        self.asked: list[RefundOrder] = []
        self.made: dict[str, RefundReport] = {}
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self, code: str, **_account: object) -> "RefundingGateway":
        return self

    def create_refund(self, order: RefundOrder) -> RefundReport:
        self.asked.append(order)
        self.meanwhile()
        if isinstance(self.answer, Exception):
            raise self.answer
        report = RefundReport(
            id=f"rfd-{order.reference}",
            amount=order.amount,
            state=self.answer,
            raw_status=self.answer.upper(),
        )
        return self.made.setdefault(order.reference, report)

    def find_refund(self, order: RefundOrder, *, refund_id: str | None) -> RefundReport | None:
        return self.made.get(order.reference)
