"""The notices that each member of staff gets by e-mail."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from apikeys.tenants.tenancy import NOTHING


class NoticeProfile(models.Model):
    """The notices that a member of staff chose, and up to when they have had them."""

    merchants_see = NOTHING

    class Kind(models.TextChoices):
        PROPOSAL = "proposal", _("A proposal waits for a second person")
        STAFF_PROPOSAL = "staff_proposal", _("A proposed act waits for a second administrator")
        FAILED = "failed", _("A notification could not be processed")
        DISPUTE = "dispute", _("A customer disputes a payment")
        ENDPOINT = "endpoint", _("A webhook endpoint was disabled")
        BOOKS = "books", _("The nightly audit found something in the books")

    class Language(models.TextChoices):
        ENGLISH = "en", "English"
        INDONESIAN = "id", "Bahasa Indonesia"
        MALAY = "ms", "Bahasa Melayu"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="notice_profile"
    )
    kinds = ArrayField(models.CharField(max_length=20, choices=Kind), default=list)
    language = models.CharField(max_length=2, choices=Language, default=Language.ENGLISH)
    sent_until = models.DateTimeField()  # what happened before it was sent, or is too old
    leased_until = models.DateTimeField(null=True)  # a job is sending until then

    def __str__(self) -> str:
        return f"notices of {self.user}"
