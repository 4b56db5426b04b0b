"""What a payment's instructions look like on our page: codes, numbers, links and steps."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import segno

from invoices.models import PaymentRequest
from invoices.pay_page.texts import Texts

NAMES = {
    "qris": "QRIS",
    "gopay": "GoPay",
    "shopeepay": "ShopeePay",
    "echannel": "Mandiri Bill",
    "bca": "BCA",
    "bni": "BNI",
    "bri": "BRI",
    "cimb": "CIMB Niaga",
    "permata": "Permata",
    "indomaret": "Indomaret",
    "alfamart": "Alfamart",
}
MENUS = {  # what the bank's own application calls it
    "bca": "m-Transfer > BCA Virtual Account",
    "bni": "Transfer > Virtual Account Billing",
    "bri": "Pembayaran > BRIVA",
    "cimb": "Transfer > CIMB Niaga Virtual Account",
    "permata": "Bayar Tagihan > Virtual Account",
}
IN_AN_APP = {"gopay", "shopeepay"}
RUNS_CODE = {"javascript", "data", "vbscript", "blob", "file", "filesystem", "about"}
LONGEST_GROUP = 6
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number to type somewhere, and to copy."""

    name: str
    value: str

    @property
    def groups(self) -> list[str]:
        """The number in groups of four, as it is easily read; a short one is one group."""
        if len(self.value) <= LONGEST_GROUP:
            return [self.value]
        return [self.value[start : start + 4] for start in range(0, len(self.value), 4)]

    @property
    def spelled(self) -> str:
        """The number for a voice that would read it as a quantity."""
        return " ".join(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How to pay."""

    name: str
    numbers: tuple[Number, ...]
    qr_svg: str | None
    qr_image_url: str | None  # the gateway's picture, where it does not send the code's content
    qr_hint: str
    app: str | None  # which opens by the link
    link: str | None
    steps: tuple[str, ...]


def means_of(payment: PaymentRequest, texts: Texts, amount: str) -> Means:
    """Return what the page of a payment shows to pay with."""
    given: dict[str, str] = payment.instructions or {}
    kind = given.get("type", "")
    name, steps = _name(payment, given), texts.steps.get(kind, texts.other_steps)
    link = _safe_link(given.get("deeplink_url"))
    content = given.get("qr_string") or _web_link(link if "qr_image_url" not in given else None)
    words = {
        "name": name,
        "amount": amount,
        "gateway": payment.gateway.name,
        "menu": MENUS.get(given.get("bank", ""), "Virtual Account"),
        "merchant": payment.tenant.name,
    }
    return Means(
        name=texts.virtual_account.format(bank=name) if kind == "bank_transfer" else name,
        numbers=tuple(
            Number(name=label, value=given[field])
            for field, label in texts.numbers.items()
            if field in given
        ),
        qr_svg=_drawn(content) if content else None,
        qr_image_url=_web_link(given.get("qr_image_url")) if not content else None,
        qr_hint=(texts.scan_with_app if kind in IN_AN_APP else texts.scan).format(**words),
        app=name if link else None,
        link=link,
        steps=tuple(step.format(**words) for step in steps),
    )


def _name(payment: PaymentRequest, given: dict[str, str]) -> str:
    method = payment.invoice.payment_method or {}
    for word in (given.get("bank"), method.get("store"), given.get("type")):
        if word:
            return NAMES.get(word, word.upper())
    return payment.gateway.name


def _drawn(content: str) -> str:
    """Draw a QR code as SVG without inline styles; four modules of white are around it."""
    return segno.make(content, error="m", micro=False).svg_inline(
        border=4, omitsize=True, svgclass=None, lineclass=None
    )


def _safe_link(url: str | None) -> str | None:
    """Return a link that opens a page or an app; apps have their own schemes."""
    scheme = urlsplit(url).scheme if url else ""
    return url if SCHEME.fullmatch(scheme) and scheme not in RUNS_CODE else None


def _web_link(url: str | None) -> str | None:
    if not url:
        return None
    split = urlsplit(url)
    return url if split.scheme in {"http", "https"} and split.netloc else None
