"""A past of settled instalments that adds up to the unit, written in SQL.

Made once and found again by later runs: three merchants with a year of settlements, a year of a
tenth as many, and one busy day.
"""

import psycopg

FIRST = 20_000_000  # ids from here on, so that they are not used by other rows
INSTALLMENTS = 4  # instalments of an invoice, each paid by itself
LARGE, SMALL, BUSY = FIRST, FIRST + 1, FIRST + 2  # merchants

# Each amount is a multiple of 400 minor units, so that rates and quarters come out even.
_ROWS = """
CREATE TEMPORARY TABLE past AS
SELECT %(first)s + n AS id, %(tenant)s::bigint AS tenant_id, 1 + n %% 2 AS gateway_id,
       (ARRAY['IDR', 'MYR', 'USD'])[1 + n %% 3] AS currency, 400 * (100 + n %% 900) AS amount,
       %(begin)s::timestamptz + (n - 1) * %(length)s::interval / %(count)s AS at,
       rates[1 + n %% 5] AS rate, rates[1 + (n + 1) %% 5] AS other_rate
  FROM generate_series(1, %(count)s) AS n,
       (VALUES (ARRAY[0, 0.06, 0.08, 0.10, 0.11])) AS of(rates);

CREATE TEMPORARY TABLE part AS
SELECT past.*, 4 * id + number AS part_id, number + 1 AS number,
       at + number * %(length)s::interval / %(count)s / 4 AS settled_at,
       amount / 2 AS net, (amount * (rate + other_rate) / 4)::bigint AS tax, amount / 100 AS fee
  FROM past CROSS JOIN generate_series(0, 3) AS number;
ALTER TABLE part ADD total bigint;
UPDATE part SET total = net + tax + fee;
ANALYZE part;

INSERT INTO apikeys_tenant (id, name, created_at)
VALUES (%(tenant)s, 'Merchant ' || %(tenant)s, %(begin)s);

INSERT INTO invoices_invoice (id, tenant_id, gateway_id, external_id, request_id,
    content_fingerprint, status, currency_code, subtotal_amount, total_tax_amount,
    total_service_fee_amount, total_amount, fee_percentage, fee_fixed_amount, paid_amount,
    overpayment_amount, refunded_amount, installment_count, review_flags, metadata, created_at,
    updated_at, version, expires_at, paid_at, payment_initiated_at)
SELECT id, tenant_id, gateway_id, 'order-' || id, 'request-' || id, repeat('0', 64), 'fully_paid',
       currency, 4 * net, 4 * tax, 4 * fee, 4 * total, 2, 0, 4 * total, 0, 0, 4, '[]', '{}', at, at,
       1, at + interval '30 days', at + 3 * %(length)s::interval / %(count)s / 4, at
  FROM part WHERE number = 1;

INSERT INTO invoices_lineitem (invoice_id, position, product_name, quantity, unit_price_amount,
    tax_rate, subtotal_amount, tax_amount)
SELECT id, 1, 'Phone', 2, amount / 2, rate, amount, amount * rate FROM past
 UNION ALL
SELECT id, 2, 'Cover', 1, amount, other_rate, amount, amount * other_rate FROM past;

INSERT INTO invoices_installment (id, tenant_id, invoice_id, number, due_at, net_amount,
    tax_amount, service_fee_amount, total_amount, refunded_amount, paid_amount, status, paid_at,
    settled_at)
SELECT part_id, tenant_id, id, number, settled_at, net, tax, fee, total, 0, total, 'paid',
       settled_at, settled_at
  FROM part;

INSERT INTO invoices_paymentrequest (id, tenant_id, invoice_id, installment_id, gateway_id,
    sequence, reference, amount, currency_code, status, tries, gateway_payment_id, payment_url,
    created_at, opened_at, expires_at, ended_at)
SELECT part_id, tenant_id, id, part_id, gateway_id, 1, 'PT-' || id || '-' || number || '-1-AAAAAA',
       total, currency, 'paid', 1, 'charge-' || part_id, 'https://gateway.test/pay', at, at,
       at + interval '30 days', settled_at
  FROM part;

INSERT INTO invoices_transaction (id, tenant_id, invoice_id, payment_request_id, gateway_id,
    gateway_transaction_id, kind, currency_code, amount, payment_method, payment_channel, paid_at,
    created_at, iso20022_message_id, iso20022_transaction_status)
SELECT part_id, tenant_id, id, part_id, gateway_id, 'charge-' || part_id, 'payment', currency,
       total, 'BANK_TRANSFER', 'BCA', settled_at, settled_at, 'PT' || part_id, 'ACSC'
  FROM part;

INSERT INTO invoices_ledgerentry (id, tenant_id, gateway_id, invoice_id, installment_id,
    transaction_id, kind, currency_code, amount, net_amount, tax_amount, service_fee_amount,
    booked_at)
SELECT part_id, tenant_id, gateway_id, id, part_id, part_id, 'payment', currency, total, net, tax,
       fee, settled_at
  FROM part;

INSERT INTO invoices_ledgertax (tenant_id, entry_id, tax_rate, tax_amount)
SELECT tenant_id, part_id, rate, amount * rate / 4 FROM part
 UNION ALL
SELECT tenant_id, part_id, other_rate, amount * other_rate / 4 FROM part;

DROP TABLE past, part;
"""
_YEAR_ENDS = "date_trunc('day', now(), 'UTC') - interval '1 day'"  # leaves a day to be busy on


def write(database_url: str, *, installments: int, busy: int) -> None:
    """Give a database the three merchants and their settlements, unless it has them."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM apikeys_tenant WHERE id = %s", [BUSY]).fetchone()
        if found is not None:
            return
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("SET LOCAL synchronous_commit = off")
            year = connection.execute(f"SELECT {_YEAR_ENDS} - interval '365 days'").fetchone()
            day = connection.execute(f"SELECT {_YEAR_ENDS}").fetchone()
            assert year is not None
            assert day is not None
            first = FIRST
            for tenant, begin, length, count in (
                (LARGE, year[0], "365 days", installments),
                (SMALL, year[0], "365 days", installments // 10),
                (BUSY, day[0], "1 day", busy),
            ):
                invoices = count // INSTALLMENTS
                arguments = {"first": first, "tenant": tenant, "begin": begin, "length": length}
                for statement in _ROWS.split(";\n"):
                    if statement.strip():
                        connection.execute(statement, {**arguments, "count": invoices})
                first += invoices
            # The stack may have closed these days while there was nothing in them.
            connection.execute(
                "TRUNCATE reporting_dailytotal, reporting_closedday, reporting_costtotal,"
                " reporting_changedday"
            )
        connection.execute("VACUUM (ANALYZE)")


def busy_day(database_url: str) -> str:
    """Return the UTC day of the busy merchant, which is the one after the year."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT (min(booked_at) AT TIME ZONE 'UTC')::date::text FROM invoices_ledgerentry"
            " WHERE tenant_id = %s",
            [BUSY],
        ).fetchone()
    assert found is not None
    return str(found[0])
