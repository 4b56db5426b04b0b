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
from paytrust.operations import queue, rounds

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


@shared_task(name="payments.ask_about_payment")
def ask_about_payment(*, payment_request_id: int, **_later: object) -> None:
    """Ask the gateway about a payment in any state that a damaged notification names."""
    asking.ask_for_job(payment_request_id=payment_request_id, now=timezone.now())


@shared_task(name="payments.check_payments")
def check_payments(**_later: object) -> None:
    """Beat, every 10 seconds: ask gateways about payments for which no notification came.

    At most 300 a minute: half of what Xendit allows. Confirming notifications needs the other half.
    """
    rounds.work_off(
        lambda: asking.claim_due(now=timezone.now(), limit=1),
        lambda pk: asking.check(payment_request_id=pk, now=timezone.now()),
    )
    last_round.note(now=timezone.now())


@shared_task(name="payments.close_payments")
def close_payments(**_later: object) -> None:
    """Beat, every 10 seconds: close payments that stayed `closing`."""
    rounds.work_off(
        lambda: leases.claim_closings(now=timezone.now(), limit=1),
        lambda pk: closing.close_for_job(payment_request_id=pk, now=timezone.now()),
    )


@shared_task(name="payments.check_refunds")
def check_refunds(**_later: object) -> None:
    """Beat, every 10 seconds: ask gateways for the results of refunds that are due.

    A refund of which its gateway knows nothing is sent.
    """
    rounds.work_off(
        lambda: sending.claim_due(now=timezone.now(), limit=1),
        lambda pk: sending.check(refund_id=pk, now=timezone.now()),
    )


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
