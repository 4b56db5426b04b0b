"""A shop with one product: it sells it, is paid through PayTrust, and gives money back.

pip install requests standardwebhooks
export PAYTRUST_URL=http://127.0.0.1:8000 PAYTRUST_API_KEY=...
python shop.py serve 4242     then open http://127.0.0.1:4242/
python shop.py refund 1       gives the money of order 1 back
"""

import json
import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from standardwebhooks import Webhook, WebhookVerificationError

PAYTRUST, KEY = os.environ["PAYTRUST_URL"], os.environ["PAYTRUST_API_KEY"]
LINE = {"product_name": "Batik shirt", "quantity": 1, "unit_price": "120.55", "tax_rate": "0.06"}
SOLD = {"gateway_id": 1, "currency_code": "MYR", "line_items": [LINE]}
BUTTON = "<form method=post action={}><button>{}</button></form>"
TABLES = """
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, status TEXT, invoice_id INTEGER);
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS endpoint (url TEXT PRIMARY KEY, secret TEXT);
"""


def database():
    connection = sqlite3.connect(os.environ.get("SHOP_DATABASE", "shop.sqlite3"), timeout=10)
    connection.executescript(TABLES)
    return connection


def call(path, body):
    answer = requests.post(PAYTRUST + path, json=body, headers={"X-API-Key": KEY}, timeout=30)
    if not answer.ok:
        print(answer.status_code, answer.text, file=sys.stderr, flush=True)
    answer.raise_for_status()
    return answer.json()


def invoice_for(order, shop):
    """Ask for the money of an order. The same order again is the same invoice, never a second."""
    body = {"external_id": f"order-{order}", "success_redirect_url": f"{shop}/orders/{order}"}
    invoice = call("/invoices", {**body, **SOLD})
    with database() as rows:
        rows.execute("UPDATE orders SET invoice_id = ? WHERE id = ?", (invoice["id"], order))
    return invoice


def refund(order):
    """Give all of an order's money back. A second call of the same kind changes nothing more."""
    row = database().execute("SELECT invoice_id FROM orders WHERE id = ?", (order,)).fetchone()
    wanted = {"reason": "requested_by_customer", "external_id": f"refund-{order}"}
    return call(f"/invoices/{row[0]}/refunds", wanted)


def trust(shop):
    """Return the secret of our webhook endpoint, which is made at the first start."""
    url = f"{shop}/paytrust"
    with database() as rows:
        kept = rows.execute("SELECT secret FROM endpoint WHERE url = ?", (url,)).fetchone()
        if kept:
            return kept[0]
        types = ["invoice.paid", "invoice.expired", "refund.succeeded"]
        made = call("/webhook-endpoints", {"url": url, "event_types": types})
        rows.execute("INSERT INTO endpoint VALUES (?, ?)", (url, made["secret"]))
        return made["secret"]


def work_on(event):
    """Change the order, once: a webhook may come again, and the event's id is the same then."""
    news = event["data"]["object"]
    with database() as rows:  # one transaction: the id and the change, or neither
        if not rows.execute("INSERT OR IGNORE INTO events VALUES (?)", (event["id"],)).rowcount:
            return
        invoice = news["invoice_id"] if event["type"] == "refund.succeeded" else news["id"]
        status = event["type"].split(".")[1].replace("succeeded", "refunded")
        rows.execute("UPDATE orders SET status = ? WHERE invoice_id = ?", (status, invoice))


class Shop(BaseHTTPRequestHandler):
    def do_GET(self):
        order = self.path.removeprefix("/orders/")
        row = database().execute("SELECT status FROM orders WHERE id = ?", (order,)).fetchone()
        if self.path == "/":
            self.say(200, f"Batik shirt, RM 127.78 and the fee {BUTTON.format('/buy', 'Buy')}")
        elif not row:
            self.say(404, "No such order")
        else:
            pay = BUTTON.format(f"/orders/{order}/pay", "Pay") if row[0] == "new" else ""
            self.say(200, f"Order {order}: {row[0]} {pay}")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path == "/paytrust":
            self.hear(body)
            return
        if self.path == "/buy":
            with database() as rows:
                order = rows.execute("INSERT INTO orders (status) VALUES ('new')").lastrowid
        else:
            order = int(self.path.split("/")[2])
        self.send_customer_to_pay(order)

    def hear(self, body):
        try:
            Webhook(self.server.secret).verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.say(401, "This is not from PayTrust")
            return
        work_on(json.loads(body))
        self.say(200, "thank you")

    def send_customer_to_pay(self, order):
        try:
            page = invoice_for(order, self.server.url)["payment_url"]
        except requests.RequestException:
            page = f"{self.server.url}/orders/{order}"  # with its button: the same call again
        self.send_response(303)
        self.send_header("Location", page)
        self.end_headers()

    def say(self, status, text):
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(f"<!doctype html><title>Shop</title><p>{text}".encode())


def serve(port):
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Shop)
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.secret = trust(server.url)
    print(f"The shop is open at {server.url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    action, argument = sys.argv[1:]
    if action == "serve":
        serve(argument)
    else:
        print("refund", refund(argument)["status"])
