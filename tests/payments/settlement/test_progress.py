"""How far an import is can be seen while it goes on."""

from typing import Any

import pytest
from django.db import connection

from payments.models import SettlementImport
from payments.settlement import plain, uploads
from tests.payments.settlement.test_services import NOW, csv, paid
from tests.payments.settlement.test_uploads import uploaded


class TestProgress:
    def test_is_on_the_row_while_the_import_goes_on(
        self, committed: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("payments.settlement.plain.LINES_AT_ONCE", 1)
        monkeypatch.setattr(uploads, "TELL_EVERY_SECONDS", 0.0)
        made = uploaded(csv(paid(), paid()))
        seen: list[tuple[str, int, int]] = []
        store = plain.store

        def watched(made: SettlementImport, **arguments: Any) -> int:
            other = connection.copy()
            with other.cursor() as cursor:
                cursor.execute(
                    "SELECT status, line_count, new_count FROM payments_settlementimport"
                )
                seen.append(cursor.fetchone())
            other.close()
            return store(made, **arguments)

        monkeypatch.setattr(plain, "store", watched)

        uploads.run(import_id=made.pk, now=NOW)

        assert seen == [("running", 2, 0), ("running", 2, 1)]
