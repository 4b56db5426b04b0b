"""Texts for staff: the meaning of notifications and of gateways' answers."""

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from payments.webhooks.readings import Claim, Effect
from paytrust.staff import display

REASONS: dict[str, Promise] = {
    "not_confirmed": _("The gateway, when asked, did not say what the notification says."),
    "unknown_reference": _("It names a payment that PayTrust never asked for."),
    "malformed_notification": _("It cannot be read, or contradicts itself."),
    "notification_not_used": _("It is about another product of the gateway's."),
    "gateway_timeout": _("The gateway did not answer in time when it was asked about it."),
    "gateway_unavailable": _("The gateway was away when it was asked about it."),
    "gateway_rejected": _("The gateway refused to tell about the payment."),
    "payment_in_progress": _("The invoice was being worked on each time."),
    "currency_mismatch": _("The gateway reports another currency than the invoice's."),
    "unknown_payment_status": _("The gateway uses a word for the payment that is not known here."),
    "reversal_before_payment": _("Money is taken back from a payment that is not booked yet."),
    "invalid_status_report": _("The payment's ISO 20022 status would not be valid."),
    "internal_error": _("A fault of PayTrust's own; it is in the log."),
}
"""Why a notification failed, by its outcome."""

ANSWERS: dict[str, Promise] = {
    "booked": _("The gateway says it is paid, and the money is booked."),
    "already_booked": _("The gateway says it is paid; all of it was booked before."),
    "refunded": _("The gateway has refunded money, and that is booked."),
    "reversed": _("The gateway has taken money back, and that is booked."),
    "ended": _("The gateway says that it ended unpaid."),
    "disputed": _("The customer's bank asks for the money back; the invoice is marked."),
    "lapsed": _("Its page has closed unpaid, so the payment has ended."),
    "adopted": _("The gateway has the payment open; its page is kept now."),
    "unchanged": _("The gateway says nothing new."),
    "unknown": _("The gateway does not know the payment."),
}
"""What asking the gateway led to."""


def effect(claim: Claim) -> str:
    """Return what a notification would change if the gateway confirmed it."""
    return f"{short_effect(claim)} {_about(claim)}".strip()


def reason(outcome: str | None, failure_reason: str | None) -> str:
    """Return why a notification failed."""
    known = REASONS.get(outcome or "")
    return str(known) if known else (failure_reason or outcome or "")


def answer(outcome: str) -> str:
    """Return the effect of a question to the gateway."""
    known = ANSWERS.get(outcome)
    return str(known) if known else outcome


def short_effect(claim: Claim) -> str:
    """Return the same without the payment that it is about: for lists."""
    amount = {"amount": _amount_of(claim)}
    if claim.effect == Effect.PAYS:
        return gettext("Says that %(amount)s was paid.") % amount
    if claim.effect == Effect.TAKES_BACK:
        return gettext("Says that %(amount)s was taken back.") % amount
    if claim.effect == Effect.ENDS:
        return gettext("Says that the payment ended unpaid.")
    if claim.effect == Effect.NOTHING:
        return gettext("Says that the payment still waits for the customer.")
    return gettext("Cannot be read, or uses words that are not known here.")


def _amount_of(claim: Claim) -> str:
    if claim.amount is None:
        return gettext("an amount that it does not tell")
    return display.plain_money(claim.amount.minor, claim.amount.currency)


def _about(claim: Claim) -> str:
    about = claim.payment_request
    if about is None and claim.claimed_reference is None:
        return gettext("It names no payment of ours.")
    if about is None:
        return gettext("It claims to be about %(reference)s, which is not trusted.") % {
            "reference": claim.claimed_reference
        }
    named = {"reference": about.reference, "invoice": about.invoice_id}
    if claim.claimed_reference is not None:
        return (
            gettext(
                "It claims to be about %(reference)s of invoice %(invoice)s, which is not trusted."
            )
            % named
        )
    return gettext("It is about %(reference)s of invoice %(invoice)s.") % named
