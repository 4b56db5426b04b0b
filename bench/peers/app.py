"""A plain FastAPI service that writes and reads the rows of an invoice by asyncpg, in few lines.

It is what such a service is before it has keys, limits, idempotency, a gateway, events and a log.
Started by `bench.peers` with an environment of its own, where Django is not installed.
"""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from pydantic import BaseModel, Field

LIFE = timedelta(hours=24)
INVOICE = """
INSERT INTO invoices_invoice (tenant_id, gateway_id, content_fingerprint, status, currency_code,
    subtotal_amount, total_tax_amount, total_service_fee_amount, total_amount, fee_percentage,
    fee_fixed_amount, paid_amount, overpayment_amount, refunded_amount, installment_count,
    review_flags, metadata, created_at, updated_at, version, expires_at)
VALUES ((SELECT min(id) FROM apikeys_tenant), $1, '', 'draft', $2, $3, $4, 0, $5, 0, 0, 0, 0, 0, 1,
    '[]', '{}', $6, $6, 1, $7)
RETURNING id, tenant_id"""
LINE = """
INSERT INTO invoices_lineitem (invoice_id, position, product_name, quantity, unit_price_amount,
    tax_rate, subtotal_amount, tax_amount)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
INSTALLMENT = """
INSERT INTO invoices_installment (invoice_id, number, due_at, net_amount, tax_amount,
    service_fee_amount, total_amount, paid_amount, refunded_amount, status)
VALUES ($1, 1, $2, $3, $4, 0, $5, 0, 0, 'unpaid') RETURNING id"""
REQUEST = """
INSERT INTO invoices_paymentrequest (tenant_id, invoice_id, installment_id, gateway_id, sequence,
    reference, amount, currency_code, status, tries, created_at, expires_at)
VALUES ($1, $2, $3, $4, 1, $5, $6, $7, 'opening', 0, $8, $9)"""
SHOWN = """
SELECT i.id, external_id, status, currency_code, gateway_id, g.name AS selected_gateway,
    subtotal_amount, total_tax_amount, total_service_fee_amount, total_amount, paid_amount,
    overpayment_amount, parent_id, description, customer, metadata, created_at, expires_at,
    payment_initiated_at
FROM invoices_invoice i JOIN gateways_gateway g ON g.id = gateway_id WHERE i.id = $1"""
LINES = """
SELECT id, product_name, quantity, unit_price_amount, tax_rate, tax_category, country_code,
    subtotal_amount, tax_amount
FROM invoices_lineitem WHERE invoice_id = $1 ORDER BY position"""
REQUESTS = """
SELECT status, payment_url, expires_at FROM invoices_paymentrequest WHERE invoice_id = $1"""


class Line(BaseModel):
    """A line as it is asked for."""

    product_name: str = Field(max_length=255)
    quantity: Decimal = Field(gt=0)
    unit_price: Decimal = Field(ge=0, max_digits=18, decimal_places=2)
    tax_rate: Decimal = Field(ge=0, le=1)


class Invoice(BaseModel):
    """A body of POST /invoices."""

    gateway_id: int
    currency_code: str = Field(pattern="^[A-Z]{3}$")
    line_items: list[Line] = Field(min_length=1)


@asynccontextmanager
async def with_a_pool(app: FastAPI) -> AsyncIterator[None]:
    """Keep connections to PostgreSQL while the process serves."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=16) as pool:
        app.state.pool = pool
        yield


async def create(body: Invoice, request: Request) -> dict[str, Any]:
    """Write an invoice in one transaction."""
    now = datetime.now(tz=UTC)  # noqa: TID251  # there is no Django in this process
    lines = [priced(line) for line in body.line_items]
    net, tax = (sum(line[name] for line in lines) for name in ("subtotal_amount", "tax_amount"))
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        made = await connection.fetchrow(
            INVOICE, body.gateway_id, body.currency_code, net, tax, net + tax, now, now + LIFE
        )
        await connection.executemany(
            LINE,
            [(made["id"], place, *line.values()) for place, line in enumerate(lines, start=1)],
        )
        installment_id = await connection.fetchval(
            INSTALLMENT, made["id"], now + LIFE, net, tax, net + tax
        )
        await connection.execute(
            REQUEST,
            *(made["tenant_id"], made["id"], installment_id, body.gateway_id, uuid.uuid4().hex),
            *(net + tax, body.currency_code, now, now + LIFE),
        )
    return {"id": made["id"], "total_amount": net + tax, "line_items": lines}


async def show(invoice_id: int, request: Request) -> dict[str, Any]:
    """Read an invoice with its lines and payment requests."""
    async with request.app.state.pool.acquire() as connection:
        invoice = dict(await connection.fetchrow(SHOWN, invoice_id))
        invoice["line_items"] = [dict(row) for row in await connection.fetch(LINES, invoice_id)]
        invoice["payment_requests"] = [
            dict(row) for row in await connection.fetch(REQUESTS, invoice_id)
        ]
    return invoice


def priced(line: Line) -> dict[str, Any]:
    """Return a line in minor units, of a currency with two decimals; in the order of LINE."""
    unit = int(line.unit_price * 100)
    subtotal = int(line.quantity * unit)
    return {
        "product_name": line.product_name,
        "quantity": line.quantity,
        "unit_price_amount": unit,
        "tax_rate": line.tax_rate,
        "subtotal_amount": subtotal,
        "tax_amount": int((subtotal * line.tax_rate).to_integral_value(ROUND_HALF_UP)),
    }


app = FastAPI(lifespan=with_a_pool)
app.add_api_route("/invoices", create, methods=["POST"], status_code=201)
app.add_api_route("/invoices/{invoice_id}", show, methods=["GET"])
