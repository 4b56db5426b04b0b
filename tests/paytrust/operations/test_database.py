"""Connections given back, constraints named."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apikeys.models import Tenant
from paytrust.operations.database import release_connection, violated_constraint
from tests.apikeys.factories import NOON, TenantFactory


class TestReleaseConnection:
    @pytest.mark.django_db
    def test_refuses_inside_a_transaction(self) -> None:
        with pytest.raises(AssertionError, match="gateway was about to be called"):
            release_connection()

    @pytest.mark.usefixtures("committed")
    def test_gives_the_connection_back(self) -> None:
        connection.ensure_connection()

        release_connection()

        assert connection.connection is None

    @pytest.mark.usefixtures("committed")
    def test_can_be_done_without_one(self) -> None:
        connection.close()

        release_connection()

        assert Tenant.objects.count() == 0


@pytest.mark.django_db
class TestViolatedConstraint:
    def test_is_the_one_that_a_write_broke(self) -> None:
        TenantFactory.create(name="Kopi Gayo")

        with pytest.raises(IntegrityError) as error, transaction.atomic():
            Tenant.objects.create(name="Kopi Gayo", created_at=NOON)

        assert violated_constraint(error.value) == "tenant_name"

    @pytest.mark.parametrize("error", [IntegrityError(), IntegrityError("by hand")])
    def test_is_none_where_the_database_said_nothing(self, error: Any) -> None:
        assert violated_constraint(error) is None
