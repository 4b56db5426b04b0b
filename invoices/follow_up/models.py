"""Who looks after an invoice."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apikeys.tenants import columns
from apikeys.tenants.tenancy import NOTHING, OWN
from paytrust.operations import triggers


class Assignment(models.Model):
    """The member of staff who looks after an invoice; the trail has those who did before."""

    merchants_see = NOTHING
    staff_see = OWN

    tenant = columns.column()
    invoice = models.OneToOneField(
        "Invoice", models.PROTECT, related_name="assignment", verbose_name=_("invoice")
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="assignments",
        verbose_name=_("assigned to"),
    )
    assigned_at = models.DateTimeField(_("assigned at"))

    class Meta:
        constraints = [columns.required("assignment")]
        triggers = [triggers.tenant_of("assignment", owner="invoices_invoice", by="invoice_id")]

    def __str__(self) -> str:
        return f"invoice {self.invoice_id} is assigned to {self.assignee_id}"
