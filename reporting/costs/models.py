"""Totals of closed days: what settlements say of the payments that were booked on each.

A settlement line comes days after its payment, and a later one may correct it. So these totals
change after their day has closed, unlike those of the ledger: a trigger writes down each day of
which a line changes, and `rollups` counts that day again.
"""

import pgtrigger
from django.db import models

from apikeys.models import Tenant
from gateways.models import Gateway
from invoices.models import Transaction
from payments.models import SettlementLine, SettlementTerms

MARKED_LINES = """
INSERT INTO reporting_changedday (tenant_id, day_date)
SELECT DISTINCT booked.tenant_id, (booked.booked_at AT TIME ZONE 'UTC')::date
  FROM ({lines}) AS changed (transaction_id)
 CROSS JOIN LATERAL (
       SELECT tenant_id, booked_at FROM invoices_ledgerentry
        WHERE transaction_id = changed.transaction_id AND kind = 'payment' LIMIT 1) booked;
RETURN NULL;
"""

# Up to today, because a day may close while the terms change.
MARK_ALL_DAYS = """
INSERT INTO reporting_changedday (day_date)
SELECT generate_series(min(day_date), (now() AT TIME ZONE 'UTC')::date, interval '1 day')::date
  FROM reporting_closedday;
RETURN NULL;
"""


class CostTotal(models.Model):
    """What gateways took of payments of one slice of a UTC day, currency, gateway and method.

    The moment of booking counts. A day has slices so that the midnight of each zone of the back
    office lies between two of them. `settled_*` are of the payments that have a line; the others
    are of those of them whose fee is final. Amounts are minor units.
    """

    # None: of all tenants together
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, null=True, related_name="cost_totals", db_index=False
    )
    begins_at = models.DateTimeField()  # of the slice
    currency_code = models.CharField(max_length=3)
    gateway = models.ForeignKey(Gateway, models.PROTECT, related_name="cost_totals", db_index=False)
    method = models.CharField(max_length=50, blank=True)  # "": not known
    payment_count = models.PositiveIntegerField()
    amount = models.BigIntegerField()  # that customers paid
    charged_amount = models.BigIntegerField()  # service fees in it
    taken_amount = models.BigIntegerField()  # by the gateway, with its taxes
    planned_count = models.PositiveIntegerField()  # of the payments for which there is a term
    planned_amount = models.BigIntegerField()  # fee and VAT of these by the terms
    compared_amount = models.BigIntegerField()  # fee and VAT that were taken of these
    settled_count = models.PositiveIntegerField()
    settled_amount = models.BigIntegerField()  # that customers paid
    settled_costs_amount = models.BigIntegerField()
    settled_net_amount = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "tenant",
                "begins_at",
                "currency_code",
                "gateway",
                "method",
                name="cost_total_once",
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index("begins_at", name="cost_total_slice")]

    def __str__(self) -> str:
        return f"costs from {self.begins_at} {self.currency_code}"


class ChangedDay(models.Model):
    """A UTC day of a tenant of which a line has changed since its totals were counted.

    Each transaction that changes lines adds rows of its own, so that none waits for another.
    """

    staff_also_see = "tenant_id IS NULL"

    # None: of all tenants
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    day_date = models.DateField()  # UTC

    class Meta:
        indexes = [models.Index("day_date", name="changed_day")]

    def __str__(self) -> str:
        return f"costs of {self.day_date} changed"


class MarkingLine(SettlementLine):
    """No table: the rule that a new or changed line marks the day of its payment."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Trigger(
                name="settlement_line_added_marks_day",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="added"),  # type: ignore[no-untyped-call]
                func=MARKED_LINES.format(lines="SELECT transaction_id FROM added"),
            ),
            pgtrigger.Trigger(
                name="settlement_line_changed_marks_day",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="was", new="becomes"),  # type: ignore[no-untyped-call]
                func=MARKED_LINES.format(
                    lines="SELECT transaction_id FROM was UNION SELECT transaction_id FROM becomes"
                ),
            ),
        ]


class MarkingTerms(SettlementTerms):
    """No table: the rule that changed terms mark all days, because what was planned changes."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Trigger(
                name="settlement_terms_mark_days",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Delete,
                func=MARK_ALL_DAYS,
            ),
            pgtrigger.Trigger(
                name="settlement_terms_changed_mark_days",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("fees"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Condition("OLD.fees IS DISTINCT FROM NEW.fees"),
                func=MARK_ALL_DAYS,
            ),
        ]


class MarkingTransaction(Transaction):
    """No table: the rule that a payment whose method becomes known later marks its day."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Trigger(
                name="transaction_method_marks_day",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("payment_method"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Condition(
                    "OLD.payment_method IS DISTINCT FROM NEW.payment_method"
                ),
                func="""
INSERT INTO reporting_changedday (tenant_id, day_date)
SELECT DISTINCT tenant_id, (booked_at AT TIME ZONE 'UTC')::date
  FROM invoices_ledgerentry WHERE transaction_id = NEW.id;
RETURN NULL;
""",
            )
        ]
