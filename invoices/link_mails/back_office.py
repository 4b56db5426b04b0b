"""Sending the payment link again, in the back office."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from apikeys.staff_acts import recording
from invoices.invoices.back_office import AboutInvoice
from invoices.link_mails import services
from invoices.receipts.document import LANGUAGES
from paytrust.staff.acts import Facts, Text

OF_CURRENCY = {"IDR": "id", "MYR": "ms"}  # the language of most who pay in it


class LanguageForm(forms.Form):
    language = forms.ChoiceField(
        label=_("Language of the mail"),
        choices=list(LANGUAGES.items()),
        widget=UnfoldAdminSelectWidget(),
    )


class SendLink(AboutInvoice):
    """Send the payment link to the customer."""

    path = "send-link"
    label = title = _("Send the payment link")
    button = _("Send")
    sentences = (
        _("The customer gets an e-mail with the link, the amount and until when it can be paid."),
        _("One invoice's link is sent at most three times in a day."),
    )

    @property
    def facts(self) -> Facts:
        return [*super().facts, (_("To"), self.subject.customer_email or "")]

    def form(self, data: Any = None) -> LanguageForm:  # noqa: ANN401  # a QueryDict, or none
        first = OF_CURRENCY.get(self.subject.currency_code, "en")
        return LanguageForm(data, initial={"language": first})

    def check(self) -> None:
        services.open_payment(self.subject)

    def perform(self, filled: dict[str, Any]) -> Text:
        services.send(
            actor=recording.actor_of(self.request),
            invoice_id=self.subject.pk,
            language=filled["language"],
            now=timezone.now(),
        )
        return _("The payment link was sent.")
