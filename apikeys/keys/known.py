"""Keys that this process has read before, so that a request need not wait for its key to be read.

Such a key serves only if it still stands in the database as it is remembered, up to the last
field. The first trip of the request asks that, with its own statements (`wall.Door`), so a key
that was revoked or changed a moment ago opens nothing. Then the request starts again and its key is
read (ADR 52).
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apikeys.models import ApiKey, Tenant
from apikeys.tenants.wall import Door
from paytrust.operations import rows
from paytrust.operations.trips import Statement, join

MAX_KNOWN: Final = 2_000  # keys remembered per process; each takes some 2 kB
KEY_STANDS: Final = "api_key_stands"

_WRITTEN_BY_USE: Final = "last_used_at"
_FIELDS: Final = [field.column for field in ApiKey._meta.concrete_fields]  # noqa: SLF001  # public
_LAST_USED: Final = _FIELDS.index(_WRITTEN_BY_USE)
_UNUSED: Final = ", ".join(f"key.{name}" for name in _FIELDS if name != _WRITTEN_BY_USE)
# A digest of the whole row, so that no field can be forgotten.
_WHOLE: Final = f"ROW({_UNUSED}, {rows.columns(Tenant, 'tenant')})::text"
_STAMP: Final = f"encode(sha256(convert_to({_WHOLE}, 'UTF8')), 'hex')"
_FROM: Final = "FROM apikeys_apikey key JOIN apikeys_tenant tenant ON tenant.id = key.tenant_id"
_BY_DIGEST: Final = f"""
SELECT {_STAMP}, {rows.columns(ApiKey, "key")}, {rows.columns(Tenant, "tenant")}
{_FROM} WHERE key.key_digest = %(digest)s"""  # nosec B608  # our own names
_STANDS: Final = f"EXISTS (SELECT {_FROM} WHERE key.id = %(key)s AND {_STAMP} = %(stamp)s)"


@dataclass(frozen=True, slots=True)
class _Known:
    stamp: str
    row: list[Any]  # the columns of the key, then those of its tenant

    def key(self) -> ApiKey:
        """Return the key with its tenant: objects that belong to the caller alone."""
        api_key = rows.made(ApiKey, self.row[: rows.width(ApiKey)])
        api_key.tenant = rows.made(Tenant, self.row[rows.width(ApiKey) :])
        return api_key


class KnownKeys:
    """The rows of the keys that were used last, by their digests."""

    def __init__(self, *, at_most: int = MAX_KNOWN) -> None:
        self._at_most = at_most
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, *, digest: str) -> ApiKey | None:
        """Read a key with its tenant from the database, in one statement; it may have any status.

        Returns None if there is no key with this digest.
        """
        (found,) = join(Statement(_BY_DIGEST, {"digest": digest}))
        if not found:
            return None
        stamp, *row = found[0]
        known = _Known(stamp, row)
        with self._lock:
            self._known[digest] = known
            self._known.move_to_end(digest)
            if len(self._known) > self._at_most:
                self._known.popitem(last=False)
        return known.key()

    def recall(self, *, digest: str, refusal: type[Exception]) -> tuple[ApiKey, Door] | None:
        """Return a key as it was read last, and what asks whether it still is so.

        Args:
            digest: the key's.
            refusal: what a trip raises if it is not.
        """
        with self._lock:
            known = self._known.get(digest)
            if known is None:
                return None
            self._known.move_to_end(digest)
        api_key = known.key()
        values = {"key": api_key.pk, "stamp": known.stamp}
        return api_key, Door(_STANDS, values, KEY_STANDS, refusal)

    def note_use(self, *, digest: str, at: datetime) -> None:
        """Remember when a key was used last, as the database does."""
        with self._lock:
            if known := self._known.get(digest):
                known.row[_LAST_USED] = at


known_keys = KnownKeys()
