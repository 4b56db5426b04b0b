"""A past of many invoices, written in SQL: what they leave behind when nothing goes wrong.

The rows are consistent where pages and reports look. They are written as a replica writes them,
without triggers, and only where the database does not have them yet.
"""

import psycopg

TENANTS = 200
FIRST = 10_000_000  # ids from here on, so that they are not used by other rows
FIRST_NAMES = [
    *("Siti", "Budi", "Rahmat", "Dewi", "Agus", "Putri", "Ahmad", "Nurul", "Farid", "Aisyah"),
    *("Hendra", "Lestari", "Joko", "Wulan", "Bayu", "Indah", "Rizal", "Mega", "Yusuf", "Ratna"),
    *("Amir", "Kartika", "Dian", "Hasan"),
]
LAST_NAMES = [
    *("Santoso", "Wijaya", "Saputra", "Hidayat", "Lim", "Tan", "Abdullah", "Rahman", "Siregar"),
    *("Nasution", "Halim", "Kusuma", "Pratama", "Wibowo", "Ismail", "Osman", "Gunawan"),
    *("Setiawan", "Harahap", "Mahendra"),
]

# Of ten invoices seven are paid, one is pending, one has expired and one is partially paid; one
# in a hundred is a discrepancy, one notification in a thousand has failed, and of one paid invoice
# in 35 an instalment went back. The past is 400 days.
_INVOICES = """
CREATE TEMPORARY TABLE past AS
SELECT %(first)s + n AS id, %(first)s + n %% %(tenants)s AS tenant_id,
       now() - (%(count)s - n)::float / %(count)s * interval '400 days' AS at,
       400 * (n - 1) / %(count)s AS day,
       CASE WHEN n %% 3 = 0 THEN 2 ELSE 1 END AS gateway_id,
       CASE n %% 3 WHEN 1 THEN 'MYR' WHEN 2 THEN 'USD' ELSE 'IDR' END AS currency,
       10000 + n %% 90000 AS amount,
       CASE n %% 10 WHEN 0 THEN 'pending' WHEN 1 THEN 'expired' WHEN 2 THEN 'partially_paid'
                    ELSE 'fully_paid' END AS status,
       CASE WHEN n %% 50 = 9 AND n < %(count)s * 0.98 THEN 10000 + n %% 90000
            ELSE 0 END AS refunded,
       n
  FROM generate_series(1, %(count)s) AS n;
ANALYZE past;

INSERT INTO apikeys_tenant (id, name, created_at)
SELECT %(first)s + n, 'Merchant ' || n, now() - interval '400 days'
  FROM generate_series(0, %(tenants)s - 1) AS n;

INSERT INTO invoices_invoice (id, tenant_id, gateway_id, external_id, request_id,
    content_fingerprint, status, ended_as, currency_code, subtotal_amount, total_tax_amount,
    total_service_fee_amount, total_amount, fee_percentage, fee_fixed_amount, paid_amount,
    overpayment_amount, refunded_amount, installment_count, review_flags, customer, metadata,
    created_at, updated_at, version, expires_at, paid_at, payment_initiated_at, ended_at)
SELECT id, tenant_id, gateway_id, 'order-' || id, 'request-' || id, repeat('0', 64), status,
       CASE status WHEN 'expired' THEN 'expired' END, currency, 2 * amount, 0, 0, 2 * amount, 0, 0,
       CASE status WHEN 'fully_paid' THEN 2 * amount WHEN 'partially_paid' THEN amount ELSE 0 END,
       0, refunded, 2, CASE WHEN n %% 100 = 7 THEN '["late"]' ELSE '[]' END::jsonb,
       jsonb_build_object('name', (%(first_names)s::text[])[1 + n %% 24] || ' '
                                  || (%(last_names)s::text[])[1 + n / 24 %% 20],
                          'email', 'customer' || n || '@example.test'),
       '{}', at, at, 1, at + CASE status WHEN 'pending' THEN interval '2 years'
                                                   ELSE interval '30 days' END,
       CASE status WHEN 'fully_paid' THEN at + interval '1 hour' END, at,
       CASE status WHEN 'expired' THEN at + interval '30 days' END
  FROM past;

INSERT INTO invoices_lineitem (invoice_id, position, product_name, quantity, unit_price_amount,
    tax_rate, subtotal_amount, tax_amount)
SELECT id, 1, 'Phone', 2, amount, 0, 2 * amount, 0 FROM past;

INSERT INTO invoices_installment (id, tenant_id, invoice_id, number, due_at, net_amount,
    tax_amount, service_fee_amount, total_amount, refunded_amount, paid_amount, status, paid_at,
    settled_at)
SELECT 2 * id + part, tenant_id, id, part + 1, at + (part + 1) * interval '14 days', amount, 0, 0,
       amount, CASE part WHEN 0 THEN refunded ELSE 0 END,
       CASE WHEN paid THEN amount ELSE 0 END, CASE WHEN paid THEN 'paid' ELSE 'unpaid' END,
       CASE WHEN paid THEN at + interval '1 hour' END,
       CASE WHEN paid THEN at + interval '1 hour' END
  FROM past CROSS JOIN generate_series(0, 1) AS part,
       LATERAL (SELECT status = 'fully_paid'
                       OR (status = 'partially_paid' AND part = 0)) AS part_is(paid);

INSERT INTO invoices_paymentrequest (id, tenant_id, invoice_id, installment_id, gateway_id,
    sequence, reference, amount, currency_code, status, tries, gateway_payment_id, payment_url,
    created_at, opened_at, expires_at, ended_at)
SELECT id, tenant_id, id, 2 * id, gateway_id, 1, 'PT-' || id || '-1-1-AAAAAA', amount, currency,
       CASE status WHEN 'pending' THEN 'open' WHEN 'expired' THEN 'expired' ELSE 'paid' END, 1,
       'charge-' || id, 'https://gateway.test/pay', at, at, at + interval '30 days',
       CASE WHEN status <> 'pending' THEN at + interval '1 hour' END
  FROM past;
"""
PAYMENTS = """
INSERT INTO payments_webhookevent (id, tenant_id, gateway_id, event_id, reference, headers, body,
    status, outcome, failure_reason, attempts, attempts_before, received_at, processed_at)
SELECT id, tenant_id, gateway_id, 'event-' || id, 'PT-' || id || '-1-1-AAAAAA', '{}',
       convert_to(json_build_object('id', 'charge-' || id, 'external_id',
           'PT-' || id || '-1-1-AAAAAA', 'status', 'PAID', 'amount', amount, 'paid_amount', amount,
           'currency', currency, 'paid_at', at, 'payment_method', 'EWALLET')::text, 'UTF8'),
       CASE n %% 1000 WHEN 3 THEN 'failed' WHEN 13 THEN 'ignored' ELSE 'processed' END,
       CASE WHEN n %% 1000 = 3 THEN 'not_confirmed' ELSE 'booked' END,
       CASE WHEN n %% 1000 = 3 THEN 'The gateway says PENDING.' END, 0, 0,
       at + interval '1 hour', at + interval '1 hour'
  FROM past WHERE status <> 'pending';

INSERT INTO invoices_transaction (id, tenant_id, invoice_id, payment_request_id, gateway_id,
    gateway_transaction_id, kind, currency_code, amount, payment_method, payment_channel, paid_at,
    created_at)
SELECT id, tenant_id, id, id, gateway_id, 'charge-' || id, 'payment', currency,
       CASE status WHEN 'fully_paid' THEN 2 * amount ELSE amount END,
       (ARRAY['EWALLET', 'QR_CODE', 'BANK_TRANSFER', 'CARD'])[1 + n / 7 %% 4],
       (ARRAY['OVO', 'QRIS', 'BCA', 'VISA'])[1 + n / 7 %% 4], at + interval '1 hour',
       at + interval '1 hour'
  FROM past WHERE status IN ('fully_paid', 'partially_paid');

INSERT INTO payments_eventtransaction (tenant_id, event_id, transaction_id)
SELECT tenant_id, id, id FROM past WHERE status IN ('fully_paid', 'partially_paid');

INSERT INTO invoices_ledgerentry (tenant_id, gateway_id, invoice_id, installment_id,
    transaction_id, kind, currency_code, amount, net_amount, tax_amount, service_fee_amount,
    booked_at)
SELECT tenant_id, gateway_id, id, 2 * id + part, id, 'payment', currency, amount, amount, 0, 0,
       at + interval '1 hour'
  FROM past CROSS JOIN generate_series(0, 1) AS part
 WHERE status = 'fully_paid' OR (status = 'partially_paid' AND part = 0);
"""


def write(database_url: str, *, invoices: int, after: str = PAYMENTS) -> None:
    """Give a database this many invoices with all that belongs to them, unless it has them.

    Their payments are enough for most; `after` is what else comes of the invoices.
    """
    written = _INVOICES + after
    with psycopg.connect(database_url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT count(*) FROM invoices_invoice WHERE id > %s", [FIRST]
        ).fetchone()
        if found is not None and found[0] >= invoices:
            return
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute("SET LOCAL synchronous_commit = off")
            arguments = {
                "first": FIRST,
                "tenants": TENANTS,
                "count": invoices,
                "first_names": FIRST_NAMES,
                "last_names": LAST_NAMES,
            }
            for statement in written.split(";\n"):
                if statement.strip():
                    connection.execute(statement, arguments)
            # The stack may have closed these days while there was nothing in them.
            connection.execute(
                "TRUNCATE reporting_dailytotal, reporting_closedday, reporting_costtotal,"
                " reporting_changedday"
            )
        connection.execute("VACUUM (ANALYZE)")
