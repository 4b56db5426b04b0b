"""What comes after the payments of `bench.past`, in SQL, so that every page has rows to show.

Refunds, disputes, deliveries, settlements, bank statements, and what staff and merchants did.
"""

from typing import Final

_REFUNDS: Final = """
INSERT INTO invoices_transaction (id, tenant_id, invoice_id, payment_request_id, gateway_id,
    gateway_transaction_id, kind, reverses_id, currency_code, amount, payment_method,
    payment_channel, paid_at, created_at)
SELECT 30000000 + id, tenant_id, id, id, gateway_id, 'refund-' || id, 'refund', id, currency,
       -refunded, 'EWALLET', 'OVO', at + interval '3 days', at + interval '3 days'
  FROM past WHERE refunded > 0;

INSERT INTO invoices_ledgerentry (tenant_id, gateway_id, invoice_id, installment_id,
    transaction_id, kind, currency_code, amount, net_amount, tax_amount, service_fee_amount,
    booked_at)
SELECT tenant_id, gateway_id, id, 2 * id, 30000000 + id, 'refund', currency, -refunded, -refunded,
       0, 0, at + interval '3 days'
  FROM past WHERE refunded > 0;

INSERT INTO payments_refund (id, tenant_id, invoice_id, transaction_id, booked_as_id, amount,
    currency_code, reason, metadata, method, reference, gateway_refund_id, status, tries,
    created_at, updated_at, ended_at)
SELECT id, tenant_id, id, id, CASE WHEN refunded > 0 THEN 30000000 + id END, 10000 + n %% 90000,
       currency, 'requested_by_customer', '{}', 'gateway', 'RF-' || id, 'rfd-' || id,
       CASE WHEN refunded > 0 THEN 'succeeded' ELSE 'requested' END, 1, at + interval '2 days',
       at + interval '3 days', CASE WHEN refunded > 0 THEN at + interval '3 days' END
  FROM past WHERE refunded > 0 OR n %% 20000 = 19;

INSERT INTO payments_dispute (id, tenant_id, invoice_id, payment_request_id, gateway_dispute_id,
    raw_status, reason, currency_code, amount, due_at, opened_at, updated_at, closed_at)
SELECT id, tenant_id, id, id, 'dispute-' || id, 'WON', 'FRAUD', currency, amount,
       at + interval '20 days', at + interval '10 days', at + interval '10 days',
       CASE WHEN n %% 20000 <> 25 THEN at + interval '20 days' END
  FROM past WHERE n %% 1000 = 25;
"""
_DELIVERIES: Final = """
INSERT INTO events_webhookendpoint (id, tenant_id, slot, url, event_types, description, status,
    disabled_reason, disabled_at, sealed_secret, key_name, is_slow, created_at, updated_at)
SELECT %(first)s + n, %(first)s + n, 1, 'https://shop' || n || '.test/hook', '{*}', '', 'disabled',
       'merchant', now(), 'gAAAAA', 'bench', false, now() - interval '400 days', now()
  FROM generate_series(0, %(tenants)s - 1) AS n;

INSERT INTO events_event (id, tenant_id, public_id, type, invoice_id, data, api_version, created_at)
SELECT 2 * id + part, tenant_id, 'evt_' || lpad((2 * id + part)::text, 26, '0'),
       CASE part WHEN 0 THEN 'invoice.created' ELSE 'invoice.paid' END, id,
       json_build_object('object', json_build_object('id', id, 'status', status),
                         'previous', NULL), '2026-11-01',
       at + part * interval '1 hour'
  FROM past CROSS JOIN generate_series(0, 1) AS part WHERE at > now() - interval '90 days';

INSERT INTO events_delivery (id, tenant_id, endpoint_id, event_id, invoice_id, status, attempts,
    attempts_before, first_attempt_at, created_at, ended_at)
SELECT id, tenant_id, tenant_id, id, invoice_id,
       CASE WHEN id %% 500 = 7 THEN 'failed' ELSE 'delivered' END, 1, 0, created_at, created_at,
       created_at
  FROM events_event WHERE id > 2 * %(first)s;

INSERT INTO events_deliveryattempt (tenant_id, delivery_id, number, attempted_at, duration_ms,
    status_code, answer)
SELECT tenant_id, id, 1, created_at, 120, CASE status WHEN 'failed' THEN 500 ELSE 200 END, 'ok'
  FROM events_delivery WHERE id > 2 * %(first)s;
"""
# A file of each gateway and day has the payments of two days before, and one line for each payout.
_SETTLEMENTS: Final = """
CREATE TEMPORARY TABLE import AS
SELECT %(first)s + 2 * day + gateway_id AS id, gateway_id, day,
       date_trunc('day', now() - (400 - day) * interval '1 day') AS at
  FROM generate_series(2, 399) AS day CROSS JOIN generate_series(1, 2) AS gateway_id;

INSERT INTO payments_settlementimport (id, gateway_id, source, file_name, size_bytes, sha256,
    starts_at_once, repeat, currency_code, status, line_count, new_count, tries, covers_from,
    covers_to, reason, imported_at)
SELECT id, gateway_id, 'upload', 'settled-' || day || '.csv', 300000,
       md5(id::text) || md5(id::text), true, 0, 'IDR', 'done', 2000, 2000, 1, at, at + interval
       '1 day', '', at + interval '1 day'
  FROM import;

INSERT INTO payments_settlementterms (gateway_id, columns, fees, updated_at)
SELECT gateway_id, '{}', json_agg(json_build_object('currency', currency, 'channel', null,
       'fixed_amount', 30, 'basis_points', 70, 'vat_basis_points', 1100)), now()
  FROM generate_series(1, 2) AS gateway_id,
       unnest(ARRAY['IDR', 'MYR', 'USD']) AS currency GROUP BY gateway_id;

INSERT INTO payments_settlementline (id, tenant_id, imported_in_id, gateway_id, identity, digest,
    kind, is_final, currency_code, gross_amount, gateway_fee_amount, vat_amount,
    withholding_amount, net_amount, fee_state, reference, gateway_ids, channel, occurred_at,
    settlement_at, payout_id, raw, state, transaction_id, created_at)
SELECT past.id, CASE state WHEN 'missing_here' THEN NULL ELSE past.tenant_id END, import.id,
       past.gateway_id, md5(past.id::text) || md5('i' || past.id),
       md5('d' || past.id) || md5('e' || past.id), 'payment', true, currency, gross, fee, vat, 0,
       gross - fee - vat, 'final', 'PT-' || past.id || '-1-1-AAAAAA', ARRAY['charge-' || past.id],
       'OVO', past.at, import.at,
       'W-' || import.day || '-' || past.gateway_id || '-' || currency,
       jsonb_build_object('Reference', past.id, 'Amount', gross), state,
       CASE state WHEN 'missing_here' THEN NULL ELSE past.id END, import.at + interval '1 day'
  FROM past JOIN import ON import.gateway_id = past.gateway_id AND import.day = past.day + 2,
       LATERAL (SELECT CASE n %% 1000 WHEN 3 THEN 'amount_differs' WHEN 4 THEN 'fee_differs'
                                      WHEN 5 THEN 'missing_here' ELSE 'matched' END,
                       CASE past.status WHEN 'fully_paid' THEN 2 * amount ELSE amount END)
               AS of(state, paid),
       LATERAL (SELECT paid + CASE state WHEN 'amount_differs' THEN 100 ELSE 0 END) AS got(gross),
       LATERAL (SELECT 30 + round(gross * 0.007) + CASE state WHEN 'fee_differs' THEN 50 ELSE 0 END)
               AS taken(fee),
       LATERAL (SELECT round(fee * 0.11)) AS tax(vat)
 WHERE past.status IN ('fully_paid', 'partially_paid') AND n %% 2000 <> 6;

INSERT INTO payments_settlementline (id, imported_in_id, gateway_id, identity, digest, kind,
    is_final, currency_code, gross_amount, gateway_fee_amount, vat_amount, withholding_amount,
    net_amount, fee_state, gateway_ids, settlement_at, payout_id, raw, state, created_at)
SELECT 40000000 + row_number() OVER (), imported_in_id, gateway_id, md5(payout_id),
       md5(payout_id), 'payout', true, currency_code, -sum(net_amount), 0, 0, 0, -sum(net_amount),
       'final', '{}', max(settlement_at), payout_id, '{}', 'not_compared', max(created_at)
  FROM payments_settlementline WHERE id > %(first)s
 GROUP BY imported_in_id, gateway_id, currency_code, payout_id;

INSERT INTO payments_settlementmismatch (tenant_id, line_id, transaction_id, state, found_at,
    ended_at, reason)
SELECT tenant_id, id, transaction_id, state, created_at,
       CASE WHEN id / 1000 %% 10 <> 0 THEN created_at + interval '1 day' END, ''
  FROM payments_settlementline
 WHERE id > %(first)s AND state IN ('amount_differs', 'fee_differs', 'missing_here')
 UNION ALL
SELECT tenant_id, NULL, id, 'missing_at_gateway', at + interval '12 days', NULL, ''
  FROM past WHERE n %% 2000 = 6 AND day < 380 AND status = 'fully_paid';

INSERT INTO payments_settlementreport (gateway_id, currency_code, starts_at, ends_at, status,
    tries, problem, imported_in_id, absent_count, created_at)
SELECT gateway_id, currency, month, month + interval '1 month', 'done', 1, '',
       %(first)s + 4 + row_number() OVER (), 0, month + interval '40 days'
  FROM generate_series(1, 2) AS gateway_id, unnest(ARRAY['IDR', 'MYR', 'USD']) AS currency,
       generate_series(date_trunc('month', now() - interval '390 days'),
                       now() - interval '60 days', interval '1 month') AS month;

INSERT INTO payments_bankfile (id, file_name, sha256, imported_at, reason)
SELECT id, 'camt-' || day || '.xml', md5(id::text) || md5('b' || id), at + interval '2 days', ''
  FROM import WHERE gateway_id = 1;

INSERT INTO payments_bankupload (file_name, size_bytes, status, tries, problem, created_at)
SELECT file_name, 300000, 'failed', 1, 'It is no camt.053.', imported_at
  FROM payments_bankfile WHERE id > %(first)s;

INSERT INTO payments_bankstatement (id, file_id, account, statement_id, page)
SELECT id, id, 'ID00BENCH0001', 'STMT-' || day, '1' FROM import WHERE gateway_id = 1;

INSERT INTO payments_bankentry (statement_id, entry_number, booked_on, is_booked, is_credit,
    is_reversal, currency_code, amount, reference, end_to_end_id, remittance_text, raw, status,
    gateway_id, payout_id, payout_currency_code, matched_by)
SELECT file.id, row_number() OVER (PARTITION BY file.id), (file.at + interval '1 day')::date, true,
       true, false, line.currency_code, -line.net_amount, 'B-' || line.id, line.payout_id,
       line.payout_id, '', 'matched', line.gateway_id, line.payout_id, line.currency_code,
       'reference'
  FROM payments_settlementline line JOIN import ON import.id = line.imported_in_id
  JOIN import file ON file.day = import.day AND file.gateway_id = 1
 WHERE line.kind = 'payout' AND line.id > 40000000
 UNION ALL
SELECT id, 1000 + number, (at + interval '1 day')::date, true, true, false, 'IDR', 1000 * number,
       'X-' || day || '-' || number, NULL, 'Interest', '',
       CASE WHEN day > 396 THEN 'unmatched' ELSE 'not_compared' END, NULL, NULL, NULL, NULL
  FROM import CROSS JOIN generate_series(1, 5) AS number WHERE gateway_id = 1;
"""
_PEOPLE: Final = """
INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email,
    is_staff, is_active, date_joined)
SELECT %(first)s + n, '!', false, 'staff-' || n, 'Staff', n::text, 'staff' || n || '@example.test',
       true, true, now() - interval '400 days'
  FROM generate_series(1, 30) AS n;

INSERT INTO payments_proposal (tenant_id, act, invoice_id, event_id, refund_id, reason,
    proposed_by_id, proposed_at, status, decided_by_id, decided_at, decision_reason, tries,
    failure_reason)
SELECT tenant_id, 'ignore_webhook', id, id, NULL, 'A test of ours', %(first)s + 1, at,
       CASE WHEN ended THEN 'applied' ELSE 'open' END, CASE WHEN ended THEN %(first)s + 2 END,
       CASE WHEN ended THEN at END, '', 1, ''
  FROM past, LATERAL (SELECT n %% 20000 <> 1003) AS is_past(ended)
 WHERE n %% 1000 = 3 AND n %% 5000 = 1003 OR n %% 1000 = 13
 UNION ALL
SELECT tenant_id, 'refund', id, NULL, id, 'Asked for by phone', %(first)s + 1, at, 'applied',
       %(first)s + 2, at, '', 1, ''
  FROM past WHERE refunded > 0;

INSERT INTO apikeys_staffproposal (kind, object_type, object_id, subject, details, before, sealed,
    reason, proposed_by_id, proposed_at, status, decided_by_id, decided_at, decision_reason,
    failure_reason)
SELECT 'sign_in_reset', 'auth.user', %(first)s + n %% 30 + 1, 'staff-' || n, '{}', NULL, '',
       'A new telephone', %(first)s + 1, now() - n * interval '2 hours', 'rejected',
       %(first)s + 2, now() - n * interval '1 hour', '', ''
  FROM generate_series(1, 2000) AS n;

INSERT INTO apikeys_staffact (staff_id, act, object_type, object_id, tenant_id, invoice_id, reason,
    request_id, outcome, message, created_at)
SELECT %(first)s + 1 + n %% 30, 'invoice_noted', 'invoices.invoice', id, tenant_id, id,
       'Asked by phone', 'act-' || id, 'done', '', at
  FROM past WHERE n %% 10 = 4;

INSERT INTO invoices_assignment (tenant_id, invoice_id, assignee_id, assigned_at)
SELECT tenant_id, id, %(first)s + 1 + n %% 30, at FROM past WHERE n %% 100 = 7;

INSERT INTO payments_discrepancyentry (tenant_id, invoice_id, kind, text, review_flags,
    paid_amount, overpayment_amount, written_by_id, created_at)
SELECT tenant_id, id, 'resolved', 'The bank was late', '["late"]', 2 * amount, 0, %(first)s + 1, at
  FROM past WHERE n %% 100 = 7 AND n %% 200 <> 7 AND status = 'fully_paid';

INSERT INTO apikeys_apikey (id, tenant_id, description, key_prefix, key_hash, key_digest, status,
    scopes, allowed_addresses, created_at)
SELECT %(first)s + n, %(first)s + n, 'web shop', 'pt_bench', '', md5(n::text) || md5('k' || n),
       'active', '{read,write}', '{}', now() - interval '400 days'
  FROM generate_series(0, %(tenants)s - 1) AS n;

INSERT INTO apikeys_apikeyauditentry (tenant_id, api_key_id, operation_type, actor_identifier,
    method, path, status_code, request_id, success, created_at)
SELECT tenant_id, tenant_id, 'used', 'pt_bench', 'POST', '/invoices', 201, 'request-' || id, true,
       at
  FROM past WHERE at < date_trunc('month', now());

INSERT INTO reporting_keptstatement (tenant_id, month, zone, language, pdf, csv, made_at, sent_at)
SELECT tenant.id, month, 'UTC', 'en', decode(repeat('00', 60000), 'hex'), 'a,b',
       month + interval '1 month', month + interval '1 month'
  FROM apikeys_tenant tenant,
       generate_series(date_trunc('month', now() - interval '390 days'),
                       now() - interval '40 days', interval '1 month') AS month
 WHERE tenant.id >= %(first)s;

INSERT INTO reporting_savedfilter (list_name, name, query, user_id, created_at)
SELECT 'invoices_invoice', 'Ringgit', 'currency_code=MYR', min(id), now() FROM auth_user;
"""
ROWS: Final = _REFUNDS + _DELIVERIES + _SETTLEMENTS + _PEOPLE
