// The gateways' official Node clients work against the sandbox unchanged. SANDBOX_URL says where it is.
"use strict";

const assert = require("node:assert/strict");
const test = require("node:test");

const midtrans = require("midtrans-client");
const ApiConfig = require("midtrans-client/lib/apiConfig");
const { Xendit } = require("xendit-node");

const { SANDBOX_URL, XENDIT_KEY, SERVER_KEY } = process.env;
ApiConfig.CORE_SANDBOX_BASE_URL = `${SANDBOX_URL}/midtrans`;
ApiConfig.SNAP_SANDBOX_BASE_URL = `${SANDBOX_URL}/midtrans/snap/v1`;

const { Invoice, Refund } = new Xendit({ secretKey: XENDIT_KEY, xenditURL: `${SANDBOX_URL}/xendit` });
const keys = { isProduction: false, serverKey: SERVER_KEY, clientKey: "SB-Mid-client-TESTKEY" };
const core = new midtrans.CoreApi(keys);
const snap = new midtrans.Snap(keys);

const CHARGES = [
  ["gopay", {}],
  ["qris", { qris: { acquirer: "gopay" } }],
  ["shopeepay", { shopeepay: { callback_url: "https://shop.example.test" } }],
  ...["bca", "bni", "bri", "cimb", "permata"].map((bank) => ["bank_transfer", { bank_transfer: { bank } }]),
  ["permata", {}],
  ["echannel", { echannel: { bill_info1: "Payment:", bill_info2: "Online" } }],
  ["cstore", { cstore: { store: "indomaret" } }],
  ["cstore", { cstore: { store: "alfamart" } }],
  ["credit_card", { credit_card: { token_id: "any", authentication: true } }],
];

let orders = 0;
const order = (amount = 150000) => ({
  transaction_details: { order_id: `NODE-${process.pid}-${(orders += 1)}`, gross_amount: amount },
});

const press = (url, fields) => fetch(url, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });

const invoice = (fields = {}) =>
  Invoice.createInvoice({ data: { externalId: `node-${process.pid}`, amount: 150000, currency: "IDR", ...fields } });

test("xendit: creates, reads and lists an invoice", async () => {
  const externalId = `node-list-${process.pid}`;
  const made = await invoice({ externalId, amount: 120.55, currency: "MYR" });
  const read = await Invoice.getInvoiceById({ invoiceId: made.id });
  const listed = await Invoice.getInvoices({ externalId, statuses: ["PENDING"] });

  assert.deepEqual([read.externalId, read.amount, read.currency], [externalId, 120.55, "MYR"]);
  assert.equal(read.status, "PENDING");
  assert.ok(read.expiryDate instanceof Date);
  assert.deepEqual(listed.map((one) => one.id), [made.id]);
});

test("xendit: expires an invoice once", async () => {
  const made = await invoice();
  const expired = await Invoice.expireInvoice({ invoiceId: made.id });

  assert.equal(expired.status, "EXPIRED");
  await assert.rejects(Invoice.expireInvoice({ invoiceId: made.id }), { errorCode: "INVOICE_NOT_FOUND_ERROR" });
});

test("xendit: refunds what was paid", async () => {
  const made = await invoice();
  await press(made.invoiceUrl, { action: "pay", method: "DANA" });
  const data = { invoiceId: made.id, amount: 10000, currency: "IDR", reason: "REQUESTED_BY_CUSTOMER" };
  const first = await Refund.createRefund({ idempotencyKey: made.id, data });
  const again = await Refund.createRefund({ idempotencyKey: made.id, data });

  assert.equal(first.id, again.id);
  assert.equal(first.amount, 10000);
  assert.equal((await Refund.getRefund({ refundID: first.id })).id, first.id);
});

test("xendit: names what it refuses", async () => {
  await assert.rejects(Invoice.getInvoiceById({ invoiceId: "6968a1f0d4e5f60001afffff" }), {
    status: 404,
    errorCode: "INVOICE_NOT_FOUND_ERROR",
  });
});

for (const [payment_type, options] of CHARGES) {
  test(`midtrans: charges by ${payment_type} ${JSON.stringify(options)}`, async () => {
    const wanted = order();
    const charged = await core.charge({ payment_type, ...wanted, ...options });
    const status = await core.transaction.status(wanted.transaction_details.order_id);

    assert.deepEqual([charged.status_code, charged.transaction_status], ["201", "pending"]);
    assert.deepEqual([status.status_code, status.transaction_id], ["201", charged.transaction_id]);
  });
}

test("midtrans: a Snap page is unknown until a method is chosen", async () => {
  const wanted = order();
  const { order_id } = wanted.transaction_details;
  const made = await snap.createTransaction(wanted);
  await assert.rejects(snap.transaction.status(order_id), (error) => error.ApiResponse.status_code === "404");
  await press(made.redirect_url, { action: "choose", method: "bca_va" });

  const status = await snap.transaction.status(order_id);

  assert.deepEqual([status.transaction_status, status.va_numbers[0].bank], ["pending", "bca"]);
});

test("midtrans: cancels, and expires with 407 as its success", async () => {
  const cancelled = order();
  const expired = order();
  await core.charge({ payment_type: "qris", ...cancelled });
  await core.charge({ payment_type: "qris", ...expired });

  assert.equal((await core.transaction.cancel(cancelled.transaction_details.order_id)).status_code, "200");
  assert.equal((await core.transaction.expire(expired.transaction_details.order_id)).status_code, "407");
});

test("midtrans: refunds a settled order in part and in full", async () => {
  const wanted = order();
  const { order_id } = wanted.transaction_details;
  await core.charge({ payment_type: "qris", ...wanted });
  await fetch(`${SANDBOX_URL}/control/pay`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ id: order_id, action: "pay" }),
  });

  const part = await core.transaction.refund(order_id, { refund_key: "r1", amount: 50000 });
  const rest = await core.transaction.refundDirect(order_id, { refund_key: "r2", amount: 100000 });

  assert.deepEqual([part.transaction_status, rest.transaction_status], ["partial_refund", "refund"]);
});

test("midtrans: rejects a duplicate that came with HTTP 200", async () => {
  const wanted = order();
  await core.charge({ payment_type: "qris", ...wanted });

  await assert.rejects(core.charge({ payment_type: "qris", ...wanted }), (error) => error.ApiResponse.status_code === "406");
});

test("midtrans: a notification is confirmed by its transaction id", async () => {
  const charged = await core.charge({ payment_type: "qris", ...order() });

  const confirmed = await core.transaction.notification(JSON.stringify(charged));

  assert.equal(confirmed.transaction_id, charged.transaction_id);
});
