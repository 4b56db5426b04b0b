"""Reading the environment. Only settings read it; `.env.example` says what each variable means."""

import re
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parents[2]
PERSON = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")
env = environ.Env()
env.read_env(str(BASE_DIR / ".env"))  # optional; variables already set win


def secret(name: str, *, at_least: int) -> str:
    """Read a required secret; without it, or if it is too short, the process does not start."""
    value: str = env.str(name, default="")
    if len(value) < at_least:
        raise ImproperlyConfigured(
            f"{name} must be set to at least {at_least} characters; see .env.example"
        )
    return value


def secrets(name: str, *, at_least: int) -> list[str]:
    """Read one or more secrets, separated by commas, the newest first; `secret` checks each."""
    values = [value.strip() for value in env.str(name, default="").split(",")]
    if min(map(len, values)) < at_least:
        raise ImproperlyConfigured(
            f"{name} must be one or more secrets of at least {at_least} characters, separated"
            " by commas; see .env.example"
        )
    return values


def named_secrets(name: str, *, at_least: int, beside: str) -> list[tuple[str, str]]:
    """Read `name:secret` pairs, separated by commas; none unless set.

    A name may stand twice, so that an old and a new secret of one person overlap.

    Args:
        name: of the variable.
        at_least: characters of each secret.
        beside: a secret that none of them may be.
    """
    pairs = [pair.strip().partition(":") for pair in env.str(name, default="").split(",")]
    if pairs == [("", "", "")]:
        return []
    secrets = [secret for _, _, secret in pairs]
    if any(not PERSON.fullmatch(person) or len(secret) < at_least for person, _, secret in pairs):
        raise ImproperlyConfigured(
            f"{name} must be name:secret pairs, separated by commas: names of a-z 0-9 . _ -,"
            f" secrets of at least {at_least} characters; see .env.example"
        )
    if len({beside, *secrets}) <= len(secrets):
        raise ImproperlyConfigured(f"{name} must name each secret once, and none of another use")
    return [(person, secret) for person, _, secret in pairs]


def one_of(name: str, choices: tuple[str, ...], *, default: str) -> str:
    """Read a setting that allows only a few values."""
    value: str = env.str(name, default=default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value
