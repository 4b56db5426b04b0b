"""Statements that are kept, and what merchants want on them."""

import pgtrigger
from django.db import models
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apikeys.models import Tenant
from apikeys.tenants.tenancy import TenantQuerySet
from paytrust.operations import triggers


class StatementProfile(models.Model):
    """What a merchant's statements say about the merchant, and who gets them."""

    class Language(models.TextChoices):
        ENGLISH = "en", "English"
        INDONESIAN = "id", "Bahasa Indonesia"
        MALAY = "ms", "Bahasa Melayu"

    class Zone(models.TextChoices):
        """Whose midnights separate months and days."""

        UTC = "UTC", "UTC"
        JAKARTA = "Asia/Jakarta"
        MAKASSAR = "Asia/Makassar"
        JAYAPURA = "Asia/Jayapura"
        KUALA_LUMPUR = "Asia/Kuala_Lumpur"
        SINGAPORE = "Asia/Singapore"

    tenant = models.OneToOneField(
        Tenant, models.PROTECT, related_name="statement_profile", verbose_name=_("tenant")
    )
    legal_name = models.CharField(_("legal name"), max_length=140, blank=True)
    # Such as NIB in Indonesia, SSM in Malaysia
    registration_number = models.CharField(_("registration number"), max_length=50, blank=True)
    # Such as NPWP in Indonesia, SST in Malaysia
    tax_number = models.CharField(_("tax number"), max_length=50, blank=True)
    address = models.TextField(_("address"), max_length=500, blank=True)
    language = models.CharField(
        _("language"), max_length=2, choices=Language, default=Language.ENGLISH
    )
    zone = models.CharField(_("time zone"), max_length=20, choices=Zone, default=Zone.UTC)
    # None: statements are kept, and not sent
    email = models.EmailField(_("email"), null=True)
    updated_at = models.DateTimeField(_("updated at"))

    class Meta:
        verbose_name = _("statement profile")
        verbose_name_plural = _("statement profiles")

    def __str__(self) -> str:
        return f"statement profile of tenant {self.tenant_id}"


FROZEN = ("id", "tenant_id", "month", "zone", "language", "pdf", "csv", "made_at")


class KeptStatement(models.Model):
    """A month's statement as it was on the 1st. Only whether it was sent changes."""

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="statements", verbose_name=_("tenant")
    )
    month = models.DateField(_("month"))  # its first day
    zone = models.CharField(_("time zone"), max_length=20)
    language = models.CharField(_("language"), max_length=2)
    pdf = models.BinaryField(_("PDF"))
    csv = models.BinaryField(_("CSV"))
    made_at = models.DateTimeField(_("made at"))
    sent_at = models.DateTimeField(_("sent at"), null=True)

    objects = TenantQuerySet["KeptStatement"].as_manager()

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        constraints = [
            models.UniqueConstraint("tenant", "month", name="kept_statement_per_month"),
        ]
        triggers = [
            triggers.refused(
                "kept_statement_frozen",
                pgtrigger.Update,
                condition=triggers.changed(FROZEN),
            ),
            triggers.refused(
                "kept_statement_not_deleted", pgtrigger.Delete, rule="kept_statement_frozen"
            ),
            triggers.not_truncated("kept_statement"),
        ]

    def __str__(self) -> str:
        return gettext("Statement %(month)s") % {"month": date_format(self.month, "F Y")}
