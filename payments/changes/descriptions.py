"""What a proposal is about, for the person who decides: whose money, before, after, and since."""

from django.db.models import Sum
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from invoices.models import Invoice, MoneyKind
from payments.changes import proposals
from payments.models import Proposal
from payments.webhooks import readings, texts
from paytrust.money import Money
from paytrust.staff import display
from paytrust.staff.acts import Facts

Shown = SafeString | str
Act = Proposal.Act


def facts_of(proposal: Proposal) -> Facts:
    """Return all that a person has to know before they decide."""
    invoice, amount = proposal.invoice, amount_of(proposal)
    facts: list[tuple[object, object]] = [
        (_("Kind of change"), proposal.get_act_display()),
        (_("Tenant"), proposal.tenant or display.EMPTY),
    ]
    if amount is not None:
        facts.append((_("Amount"), display.money(amount.minor, amount.currency)))
    if invoice is not None:
        code = invoice.currency_code
        facts += [
            (_("Customer"), customer_of(invoice)),
            (_("Invoice"), invoice_link(invoice)),
            (_("Total"), display.money(invoice.total_amount, code)),
            (_("Paid"), display.money(invoice.paid_amount, code)),
        ]
    if proposal.event_id is not None:
        link = display.link("payments_webhookevent", proposal.event_id)
        facts.append((_("Notification"), link))
    facts.append((_("What changes"), what_changes(proposal)))
    if proposal.status in Proposal.WAITING:
        facts.append((_("Since it was proposed"), since_proposed(proposal)))
    return facts  # type: ignore[return-value]  # texts, each translated when it is shown


def amount_of(proposal: Proposal) -> Money | None:
    """Return how much money a proposal is about, or None if the notification does not tell."""
    if proposal.refund is not None:
        return Money(proposal.refund.amount, proposal.refund.currency_code)
    if proposal.event is not None:
        return readings.said_by(proposal.event).amount
    assert proposal.invoice is not None, "a proposal about nothing"
    code = proposal.invoice.currency_code
    if proposal.act == Act.TRANSFER:
        return Money((proposal.named or {})["amount"], code)
    if proposal.act == Act.ADJUST:
        return Money(sum(max(new - old, 0) for _number, old, new in _totals(proposal)), code)
    return Money(proposal.invoice.total_amount, code)


def customer_of(invoice: Invoice | None) -> Shown:
    """Return the name and the e-mail address of an invoice's customer."""
    customer = (invoice.customer if invoice else None) or {}
    named = [customer[name] for name in ("name", "email") if customer.get(name)]
    return format_html_join(SafeString("<br>"), "{}", ((one,) for one in named)) or display.EMPTY


def invoice_link(invoice: Invoice) -> Shown:
    """Return a link to the invoice, with the merchant's own name for it."""
    link = display.link("invoices_invoice", invoice.pk)
    if not invoice.external_id:
        return link
    return format_html('{} <span class="staff-long">{}</span>', link, invoice.external_id)


def what_changes(proposal: Proposal) -> Shown:
    """Return the change in sentences, and each instalment before and after it."""
    said = display.paragraphs(changes_of(proposal))
    return format_html("{}{}", said, _table(proposal)) if proposal.before else said


def since_proposed(proposal: Proposal) -> Shown:
    """Return what has happened on the invoice since, so that no one approves what is outdated."""
    invoice = proposal.invoice
    if invoice is None:
        return display.EMPTY
    paid = invoice.transactions.filter(
        kind=MoneyKind.PAYMENT, created_at__gte=proposal.proposed_at
    ).aggregate(sum=Sum("amount"))["sum"]
    said = []
    if paid:
        amount = display.plain_money(paid, invoice.currency_code)
        text = gettext("The customer paid %(amount)s.") % {"amount": amount}
        said.append(display.label(text, "bad"))
    if proposal.status in Proposal.WAITING and proposals.is_outdated(proposal):
        text = gettext("What is owed has changed: this can no longer be made.")
        said.append(display.label(text, "bad"))
    return display.paragraphs(said or [gettext("Nothing was paid.")])


def waiting_on(invoice: Invoice) -> Shown:
    """Return a link to the change that waits for a second person, or an empty text."""
    proposal = proposals.waiting_on(invoice_id=invoice.pk)
    if proposal is None:
        return ""
    text = gettext("%(change)s, proposed by %(who)s") % {
        "change": str(proposal.get_act_display()).capitalize(),
        "who": proposal.proposed_by.get_full_name() or proposal.proposed_by.get_username(),
    }
    address = reverse("admin:payments_proposal_change", args=(proposal.pk,))
    when = display.moment(proposal.proposed_at)
    return format_html('<a class="staff-link" href="{}">{}</a>, {}', address, text, when)


def _totals(proposal: Proposal) -> list[tuple[int, int, int]]:
    """Return the number of each instalment and its total before and after."""
    before, after = (proposal.before or {}), (proposal.after or {})
    return [
        (number, old, new)
        for (number, old, _paid), (_number, new, _also) in zip(
            before["installments"], after["installments"], strict=True
        )
    ]


def _table(proposal: Proposal) -> SafeString:
    assert proposal.invoice is not None, "only a change of an invoice has a before"
    code, ends = proposal.invoice.currency_code, proposal.act == Act.CANCEL
    rows = format_html_join(
        "",
        '<tr><th scope="row">{}</th><td class="staff-number">{}</td>'
        '<td class="staff-number">{}</td></tr>',
        (
            (number, display.money(old, code), display.money(0 if ends else new, code))
            for number, old, new in _totals(proposal)
        ),
    )
    heads = (gettext("Instalment"), gettext("Before"), gettext("After"))
    return format_html(
        '<table class="staff-table"><thead><tr><th scope="col">{}</th>'
        '<th scope="col" class="staff-number">{}</th><th scope="col" class="staff-number">{}</th>'
        "</tr></thead><tbody>{}</tbody></table>",
        *heads,
        rows,
    )


def changes_of(proposal: Proposal) -> list[str]:
    """Return what a proposal changes, a sentence for each change."""
    if proposal.act == Act.IGNORE_WEBHOOK:
        assert proposal.event is not None, "a proposal to ignore nothing"
        return [texts.effect(readings.claim_of(proposal.event)), gettext("It would be ignored.")]
    if proposal.act == Act.REFUND:
        return _what_goes_back(proposal)
    if proposal.act == Act.TRANSFER:
        return _what_moves(proposal)
    if proposal.act == Act.CANCEL:
        return [gettext("The invoice ends unpaid; its open payment is closed at the gateway.")]
    assert proposal.invoice is not None, "a proposal to change nothing"
    currency = proposal.invoice.currency_code
    return [
        gettext("Instalment %(number)s: %(before)s becomes %(after)s.")
        % {
            "number": number,
            "before": display.plain_money(old, currency),
            "after": display.plain_money(new, currency),
        }
        for number, old, new in _totals(proposal)
        if old != new
    ]


def _what_goes_back(proposal: Proposal) -> list[str]:
    """Return from which instalments a refund takes its money, and how."""
    refund = proposal.refund
    assert refund is not None, "a proposal to refund nothing"
    currency = refund.currency_code

    def shown(amount: int) -> str:
        return display.plain_money(amount, currency)

    if refund.bank_reference is None:
        said = [gettext("%(amount)s goes back through the gateway.")]
    else:
        said = [gettext("%(amount)s was sent by bank, reference %(reference)s.")]
    said = [said[0] % {"amount": shown(refund.amount), "reference": refund.bank_reference}]
    for installment in proposal.after or []:
        if installment["number"] is None:
            said.append(
                gettext("Overpayment: %(amount)s.") % {"amount": shown(installment["amount"])}
            )
        else:
            said.append(
                gettext(
                    "Instalment %(number)s: %(amount)s, of it %(tax)s tax and %(fee)s fee;"
                    " it stays paid."
                )
                % {
                    "number": installment["number"],
                    "amount": shown(installment["amount"]),
                    "tax": shown(installment["tax_amount"]),
                    "fee": shown(installment["service_fee_amount"]),
                }
            )
    return said


def _what_moves(proposal: Proposal) -> list[str]:
    """Say what a transfer does to both invoices."""
    assert proposal.invoice is not None, "a proposal to move nothing"
    named, effect = proposal.named or {}, proposal.after or {}

    def shown(amount: int) -> str:
        assert proposal.invoice is not None, "as above"
        return display.plain_money(amount, proposal.invoice.currency_code)

    source, target = proposal.invoice_id, named["target_id"]
    return [
        gettext("%(amount)s moves from invoice %(source)s to invoice %(target)s.")
        % {"amount": shown(named["amount"]), "source": source, "target": target},
        gettext("Overpayment of invoice %(number)s: %(before)s becomes %(after)s.")
        % {
            "number": source,
            "before": shown(effect["overpayment_before"]),
            "after": shown(effect["overpayment_after"]),
        },
        gettext("Left to pay on invoice %(number)s: %(before)s becomes %(after)s.")
        % {
            "number": target,
            "before": shown(effect["target_due_before"]),
            "after": shown(effect["target_due_after"]),
        },
        *(
            gettext("Instalment %(number)s: %(amount)s arrives, of it %(tax)s tax and %(fee)s fee.")
            % {
                "number": installment["number"],
                "amount": shown(installment["amount"]),
                "tax": shown(installment["tax_amount"]),
                "fee": shown(installment["service_fee_amount"]),
            }
            for installment in effect["installments"]
        ),
    ]
