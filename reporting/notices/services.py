"""Telling staff by e-mail what they chose: one mail for all that happened since the last."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Final

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apikeys.people import limits
from apikeys.tenants import wall
from reporting.notices import selectors
from reporting.notices.models import NoticeProfile
from reporting.notices.selectors import Happened

log = structlog.get_logger(__name__)

# A moment is taken when work begins, and is seen when it is committed: so long is waited for it.
SETTLES_AFTER: Final = timedelta(minutes=2)
OLDEST: Final = timedelta(days=2)  # what the mail server missed for longer is in the lists alone
SENDS_FOR: Final = timedelta(minutes=5)


def choose(*, user: User, kinds: Iterable[str], language: str, now: datetime) -> NoticeProfile:
    """Keep which notices a member of staff wants from now on."""
    profile, _made = NoticeProfile.objects.get_or_create(user=user, defaults={"sent_until": now})
    began_with_none = not profile.kinds
    profile.kinds, profile.language = sorted(kinds), language
    if began_with_none:
        profile.sent_until = now
    profile.save(update_fields=["kinds", "language", "sent_until"])
    return profile


def send_due(*, now: datetime) -> int:
    """Send each member of staff what happened since their last mail; return how many were sent.

    Safe to run twice and at once: a job leases a person while it sends. A crash between a mail and
    its note sends that mail again. Bound staff get none while nothing could hide other tenants.
    """
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    waiting = NoticeProfile.objects.filter(free, user__is_active=True, user__is_staff=True)
    sent = 0
    for profile in waiting.exclude(kinds=[]).select_related("user").order_by("pk"):
        mine = NoticeProfile.objects.filter(free, pk=profile.pk, sent_until=profile.sent_until)
        if mine.update(leased_until=now + SENDS_FOR):
            try:
                sent += _send(profile, now)
            except Exception:
                # The others must not wait for this one: a NoWall, or a fault of ours.
                log.exception("notices not made", user_id=profile.user_id)
    return sent


def _send(profile: NoticeProfile, now: datetime) -> bool:
    since, until = max(profile.sent_until, now - OLDEST), now - SETTLES_AFTER
    found: list[Happened] = []
    with translation.override(profile.language), _as_its_reader(profile.user):
        for kind in selectors.kinds_for(profile.user):
            if kind in profile.kinds:
                one = selectors.happened(kind=kind, since=since, until=until)
                found += [one] if one else []
        mail = _mail(profile.user, found) if found and profile.user.email else None
    done = {"sent_until": max(since, until), "leased_until": None}
    if mail and not _is_sent(mail, profile):
        del done["sent_until"]  # the next round tries again
    NoticeProfile.objects.filter(pk=profile.pk).update(**done)
    return mail is not None and "sent_until" in done


@contextmanager
def _as_its_reader(user: User) -> Iterator[None]:
    """Show what a member of staff may see, and no more.

    Raises:
        NoWall: they are bound to tenants, and nothing here could hide the others.
    """
    tenant_ids = limits.tenant_ids_of(user)
    if not tenant_ids:
        yield
        return
    wall.raise_for_staff(tenant_ids)
    try:
        yield
    finally:
        wall.lower()


def _mail(user: User, found: list[Happened]) -> EmailMessage:
    count = sum(one.count for one in found)
    subject = ngettext("PayTrust: %(count)s notice", "PayTrust: %(count)s notices", count) % {
        "count": count
    }
    text = "\n".join(line for one in found for line in _lines(one))
    ending = _("You chose these notices at %(address)s.") % {
        "address": f"{settings.PUBLIC_BASE_URL}/admin/notices/"
    }
    return EmailMessage(subject, f"{text}\n{ending}\n", None, [user.email])


def _lines(one: Happened) -> Iterator[str]:
    yield f"{NoticeProfile.Kind(one.kind).label}: {one.count}"
    yield from (f"  - {line}" for line in one.lines)
    if one.count > len(one.lines):
        rest = _("and %(count)s more") % {"count": one.count - len(one.lines)}
        yield f"  - {rest}"
    yield f"  {settings.PUBLIC_BASE_URL}{one.path}"
    yield ""


def _is_sent(mail: EmailMessage, profile: NoticeProfile) -> bool:
    try:
        mail.send()
    except (SMTPException, OSError):
        log.exception("notice not sent", user_id=profile.user_id)
        return False
    return True
