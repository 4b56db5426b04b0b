"""Tasks about money that arrives. The table has the schedule; Celery runs the work."""

import time
from typing import Final

from celery import shared_task
from django.utils import timezone

from invoices.payment_requests import leases
from payments.bank import services as bank
from payments.bank import uploads as bank_uploads
from payments.changes import closing
from payments.reconciliation import asking, last_round
from payments.refunds import sending
from payments.settlement import comparing, controls, fetching, reports, uploads
from payments.settlement import services as settlements
from payments.webhooks import confirming, waking
from paytrust.operations import queue

TURN_SECONDS: Final = 5.0  # for notifications, before other tasks of the same worker have theirs


@shared_task(name="payments.process_notifications")
def process_notifications(**_later: object) -> None:
    """Process the notifications that are due, a few at a time. Safe to run twice, and at once.

    A new notification enqueues it, and beat does every 5 seconds. While there are more, another
    worker helps; after a turn the other tasks come first. `_later` takes arguments of newer
    versions.
    """
    waking.awake()
    until = time.monotonic() + TURN_SECONDS
    while confirming.process_due(now=timezone.now()):
        waking.wake(process_notifications)  # for another worker, or for this one's next turn
        if time.monotonic() > until:
            return


@shared_task(name="payments.check_payment")
def check_payment(*, payment_request_id: int, **_later: object) -> None:
    """Ask the gateway about one payment for which no notification came."""
    asking.check(payment_request_id=payment_request_id, now=timezone.now())


@shared_task(name="payments.ask_about_payment")
def ask_about_payment(*, payment_request_id: int, **_later: object) -> None:
    """Ask the gateway about a payment in any state that a damaged notification names."""
    asking.ask_for_job(payment_request_id=payment_request_id, now=timezone.now())


@shared_task(name="payments.hand_out_checks")
def hand_out_checks(**_later: object) -> None:
    """Beat, every 10 seconds: enqueue payments that are due for a question to the gateway.

    300 a minute is half of what Xendit allows: confirming notifications needs the other half.
    """
    now = timezone.now()
    for payment_request_id in asking.claim_due(now=now, limit=50):
        queue.publish(check_payment, payment_request_id=payment_request_id)
    last_round.note(now=now)


@shared_task(name="payments.close_payment")
def close_payment(*, payment_request_id: int, **_later: object) -> None:
    """Close one payment that stayed `closing`."""
    closing.close_for_job(payment_request_id=payment_request_id, now=timezone.now())


@shared_task(name="payments.hand_out_closings")
def hand_out_closings(**_later: object) -> None:
    """Beat, every 10 seconds: enqueue payments that stayed `closing`."""
    for payment_request_id in leases.claim_closings(now=timezone.now(), limit=100):
        queue.publish(close_payment, payment_request_id=payment_request_id)


@shared_task(name="payments.check_refund")
def check_refund(*, refund_id: int, **_later: object) -> None:
    """Ask the gateway for the result of one refund; send it if the gateway knows of none."""
    sending.check(refund_id=refund_id, now=timezone.now())


@shared_task(name="payments.hand_out_refunds")
def hand_out_refunds(**_later: object) -> None:
    """Beat, every 10 seconds: enqueue refunds that are due for a question to the gateway."""
    for refund_id in sending.claim_due(now=timezone.now(), limit=50):
        queue.publish(check_refund, refund_id=refund_id)


@shared_task(name="payments.fetch_settlements")
def fetch_settlements(*, code: str, account_id: int | None, **_later: object) -> None:
    """Ask one gateway account for what it settled."""
    fetching.fetch_for_job(code=code, account_id=account_id, now=timezone.now())


@shared_task(name="payments.hand_out_settlements")
def hand_out_settlements(**_later: object) -> None:
    """Beat, daily: enqueue a round for each account that took money lately."""
    for code, account_id in fetching.accounts_to_ask(now=timezone.now()):
        queue.publish(fetch_settlements, code=code, account_id=account_id)


@shared_task(name="payments.read_settlement_report")
def read_settlement_report(*, report_id: int, **_later: object) -> None:
    """Ask a gateway for one month's report, look whether it is ready, or import it."""
    reports.go_on(report_id=report_id, now=timezone.now())


@shared_task(name="payments.hand_out_settlement_reports")
def hand_out_settlement_reports(**_later: object) -> None:
    """Beat, every minute: enqueue the reports of closed months that are due."""
    for report_id in reports.claim_due(now=timezone.now()):
        queue.publish(read_settlement_report, report_id=report_id)


@shared_task(name="payments.open_settlement_reports")
def open_settlement_reports(**_later: object) -> None:
    """Beat, on the days after which a month is settled: note the reports that are wanted."""
    reports.open_last_month(now=timezone.now())


@shared_task(name="payments.import_settlement")
def import_settlement(*, import_id: int, **_later: object) -> None:
    """Import one uploaded settlement file; its payouts may be what bank entries wait for.

    Then compare its sum with the gateway's balance, if the gateway shows that.
    """
    now = timezone.now()
    uploads.run(import_id=import_id, now=now)
    bank.match_again()
    controls.check_due(now=now)


@shared_task(name="payments.hand_out_imports")
def hand_out_imports(**_later: object) -> None:
    """Beat, every 5 seconds: enqueue uploaded files that are due, each to one worker only."""
    now = timezone.now()
    for import_id in uploads.claim_due(now=now):
        queue.publish(import_settlement, import_id=import_id)
    for upload_id in bank_uploads.claim_due(now=now):
        queue.publish(import_bank_statement, upload_id=upload_id)


@shared_task(name="payments.import_bank_statement")
def import_bank_statement(*, upload_id: int, **_later: object) -> None:
    """Import one uploaded bank statement."""
    bank_uploads.run(upload_id=upload_id, now=timezone.now())


@shared_task(name="payments.compare_settlements")
def compare_settlements(**_later: object) -> None:
    """Beat, daily: match again lines that had no payment; look for payments without a line.

    Then match bank entries again with the payouts that are known now, and compare the sums of
    statements for which the gateway gave no control total.
    """
    now = timezone.now()
    settlements.compare_again(now=now)
    comparing.find_missing(now=now)
    bank.match_again()
    controls.check_due(now=now)
