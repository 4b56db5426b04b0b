"""Statements that are made once a month, kept as they were, and sent to those who want them."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
from smtplib import SMTPException
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apikeys.models import Tenant
from invoices.models import LedgerEntry
from invoices.receipts.issuers import Issuer
from paytrust.web import spreadsheets
from reporting.exports import statement as export
from reporting.statements import document, selectors
from reporting.statements.models import KeptStatement, StatementProfile

log = structlog.get_logger(__name__)

AT_ONCE: Final = 500  # tenants of one round
FIELDS: Final = (
    *("legal_name", "registration_number", "tax_number", "address"),
    *("language", "zone", "email"),
)
"""What a merchant may say about statements."""
FILES_AT_ONCE: Final = 10  # statements in memory
TRIED_FOR: Final = timedelta(days=10)  # the job runs on the first days of a month


def keep_due(*, now: datetime) -> int:
    """Make and send last month's statements that are missing; return how many were made.

    Safe to repeat: a statement is made once. A merchant whose money never moved has none.
    """
    moved = LedgerEntry.objects.filter(tenant=OuterRef("pk"))
    made = 0
    for tenant in Tenant.objects.filter(Exists(moved)).order_by("pk").iterator(AT_ONCE):
        profile = profile_of(tenant)
        month = _month_before(now, ZoneInfo(profile.zone))
        if not KeptStatement.objects.filter(tenant=tenant, month=month).exists():
            _keep(tenant, profile, month, now)
            made += 1
    for kept in _to_send(now).iterator(FILES_AT_ONCE):
        _send(kept, now)
    return made


def _to_send(now: datetime) -> QuerySet[KeptStatement]:
    """Return what was not sent to those who want mail; an older month is not sent any more."""
    wanted = KeptStatement.objects.filter(
        sent_at=None,
        made_at__gt=now - TRIED_FOR,
        tenant__statement_profile__email__isnull=False,
    )
    return wanted.select_related("tenant__statement_profile").order_by("pk")


def profile_of(tenant: Tenant) -> StatementProfile:
    """Return what a merchant wants on statements; the usual where nothing was said."""
    return StatementProfile.objects.filter(tenant=tenant).first() or StatementProfile(
        tenant=tenant, legal_name=tenant.name
    )


def issuer_of(tenant: Tenant) -> Issuer:
    """Return a merchant as it stands on receipts for its customers."""
    merchant = _merchant(tenant, profile_of(tenant))
    return Issuer(merchant.name, partial(document.legal_facts, merchant))


def set_profile(
    *, tenant: Tenant, changes: Mapping[str, str | None], now: datetime
) -> StatementProfile:
    """Change fields of a merchant on statements that are made from now on.

    Args:
        tenant: whose.
        changes: new values by the names in FIELDS; those left out stay as they are.
        now: when.

    Raises:
        ValidationError: a value is too long or not one of the choices. Nothing is changed.
    """
    assert changes.keys() <= set(FIELDS), changes.keys()
    with transaction.atomic():
        StatementProfile.objects.get_or_create(
            tenant=tenant, defaults={"legal_name": tenant.name, "updated_at": now}
        )
        profile = StatementProfile.objects.select_for_update().get(tenant=tenant)
        for name, value in changes.items():
            setattr(profile, name, value)
        profile.email = profile.email or None
        profile.updated_at = now
        profile.full_clean(exclude=["email"] if profile.email is None else None)
        profile.save()
    log.info("statement profile set", tenant_id=tenant.pk, fields=sorted(changes))
    return profile


def document_now(
    *, tenant: Tenant, month: date, zone: ZoneInfo, language: str | None, now: datetime
) -> document.Document:
    """Return what a month's statement says now.

    Args:
        tenant: whose.
        month: its first day.
        zone: whose midnights separate days.
        language: en, id or ms; None: the merchant's.
        now: days that begin later are left out.
    """
    profile = profile_of(tenant)
    return document.Document(
        merchant=_merchant(tenant, profile),
        month=month,
        zone=zone.key,
        language=language or profile.language,
        statements=selectors.monthly_statements(tenant=tenant, first=month, zone=zone, now=now),
        settled=selectors.settled_in(tenant=tenant, first=month, zone=zone),
    )


def _merchant(tenant: Tenant, profile: StatementProfile) -> document.Merchant:
    return document.Merchant(
        name=profile.legal_name or tenant.name,
        registration_number=profile.registration_number,
        tax_number=profile.tax_number,
        address=profile.address,
    )


def _keep(tenant: Tenant, profile: StatementProfile, month: date, now: datetime) -> None:
    zone = ZoneInfo(profile.zone)
    said = document_now(tenant=tenant, month=month, zone=zone, language=profile.language, now=now)
    rows = export.statement_rows(tenant=tenant, statements=said.statements)
    csv = "".join(spreadsheets.csv_pieces(rows)).encode()
    with transaction.atomic():
        KeptStatement.objects.get_or_create(
            tenant=tenant,
            month=month,
            defaults={
                "zone": profile.zone,
                "language": profile.language,
                "pdf": document.pdf_of(said),
                "csv": csv,
                "made_at": now,
            },
        )
    log.info("statement kept", tenant_id=tenant.pk, month=month.isoformat())


def _send(kept: KeptStatement, now: datetime) -> None:
    """Send a statement once to a merchant who wants it; the next round tries a failure again."""
    email = kept.tenant.statement_profile.email
    assert email is not None, "others are not asked for"
    name = f"statement-{kept.month:%Y-%m}"
    with translation.override(kept.language):
        subject = _("Statement %(month)s") % {"month": date_format(kept.month, "F Y")}
        text = _("The statement of %(merchant)s is attached, as a PDF and as a table.") % {
            "merchant": kept.tenant.name
        }
    mail = EmailMessage(subject, text, None, [email])
    mail.attach(f"{name}.pdf", bytes(kept.pdf), "application/pdf")
    mail.attach(f"{name}.csv", bytes(kept.csv), "text/csv")
    try:
        mail.send()
    except (SMTPException, OSError):
        log.exception("statement not sent", statement_id=kept.pk)
        return
    KeptStatement.objects.filter(pk=kept.pk).update(sent_at=now)


def _month_before(now: datetime, zone: ZoneInfo) -> date:
    this = now.astimezone(zone).date().replace(day=1)
    return (this - timedelta(days=1)).replace(day=1)
