// Create, pay, refund and report by openapi-fetch over the types of openapi-typescript.
import createClient from "openapi-fetch";
import type { paths } from "./generated/openapi_typescript/schema.js";
import { apiKey, baseUrl, check, end, given, line, pay, start, until } from "./shared.js";

const client = createClient<paths>({ baseUrl, headers: { "X-API-Key": apiKey } });

const made = await client.POST("/invoices", {
  params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  body: { gateway_id: 1, currency_code: "MYR", line_items: [line] },
});
const invoice = given(made.data, made.error);
check(invoice.line_items[0]?.subtotal_amount === 199998, invoice);
await pay(given(invoice.payment_url, invoice));
const path = { invoice_id: invoice.id };
const paid = await until(
  async () => given((await client.GET("/invoices/{invoice_id}", { params: { path } })).data, path),
  (found) => found.status === "fully_paid",
);
const asked = await client.POST("/invoices/{invoice_id}/refunds", {
  params: { path },
  body: { reason: "requested_by_customer", amount: 100 },
});
const refund = given(asked.data, asked.error);
const shown = await client.GET("/refunds/{refund_id}", { params: { path: { refund_id: refund.id } } });
check(given(shown.data, shown.error).amount === 100, shown);
const report = await client.GET("/reports/financial", {
  params: { query: { start_date: start, end_date: end } },
});
check(given(report.data, report.error).by_currency[0]!.total_amount >= paid.total_amount, report);
const status = await client.GET("/invoices/{invoice_id}/payment-status", {
  params: { path },
  parseAs: "text",
});
check(given(status.data, status.error).includes("pain.002"), status);
const missing = await client.GET("/invoices/{invoice_id}", { params: { path: { invoice_id: 2 ** 50 } } });
check("error" in missing && missing.error?.error === "not_found", missing.error);
console.log(`paid ${paid.paid_amount}, refund ${refund.status}, reported`);
