// Create, pay, refund and report by the client of @hey-api/openapi-ts.
import { client } from "./generated/hey_api/client.gen.js";
import {
  createInvoice,
  getFinancialReport,
  getInvoice,
  getInvoicePaymentStatus,
  getRefund,
  refundInvoice,
} from "./generated/hey_api/sdk.gen.js";
import { apiKey, baseUrl, check, end, given, line, pay, start, until } from "./shared.js";

client.setConfig({ baseUrl, auth: apiKey });

const made = await createInvoice({
  body: { gateway_id: 1, currency_code: "MYR", line_items: [line] },
  headers: { "Idempotency-Key": crypto.randomUUID() },
});
const invoice = given(made.data, made.error);
check(invoice.line_items[0]?.subtotal_amount === 199998, invoice);
await pay(given(invoice.payment_url, invoice));
const path = { invoice_id: invoice.id };
const paid = await until(
  async () => given((await getInvoice({ path })).data, path),
  (found) => found.status === "fully_paid",
);
const asked = await refundInvoice({ path, body: { reason: "requested_by_customer", amount: 100 } });
const refund = given(asked.data, asked.error);
const shown = await getRefund({ path: { refund_id: refund.id } });
check(given(shown.data, shown.error).amount === 100, shown);
const report = await getFinancialReport({ query: { start_date: start, end_date: end } });
check(given(report.data, report.error).by_currency[0]!.total_amount >= paid.total_amount, report);
const status = await getInvoicePaymentStatus({ path }); // XML, which this client hands out as a Blob
check((await given(status.data, status.error).text()).includes("pain.002"), status);
const missing = await getInvoice({ path: { invoice_id: 2 ** 50 } });
check(
  given(missing.error, missing) instanceof Object && JSON.stringify(missing.error).includes("not_found"),
  missing.error,
);
console.log(`paid ${paid.paid_amount}, refund ${refund.status}, reported`);
