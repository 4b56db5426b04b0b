"""Members of staff for tests."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import factory
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.utils import timezone
from factory.django import DjangoModelFactory

from apikeys.staff_acts.recording import Actor
from paytrust.staff import roles


class StaffFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    username = factory.Sequence(lambda number: f"staff{number}")
    email = factory.LazyAttribute(lambda made: f"{made.username}@example.test")
    is_staff = True


def member(role: str | None = None, **fields: Any) -> User:
    """Return somebody who may enter the back office, in the group of this name."""
    user = StaffFactory.create(**fields)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def actor(request_id: str = "request-1") -> Actor:
    """Return a new finance operator at work."""
    return Actor(user=member(roles.OPERATOR), request_id=request_id)


def shown_now() -> datetime:
    """Return the time as pages show it, until their reader chooses another zone."""
    return timezone.localtime(timezone=ZoneInfo(settings.STAFF_TIME_ZONE))


def as_shown(text: str) -> str:
    """Return a text with its amounts as pages write them, never broken: `RM 1.00`."""
    return text.replace("RM ", "RM\N{NO-BREAK SPACE}")
