"""The texts of our payment page, in English and in Bahasa Indonesia."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation.trans_real import parse_accept_lang_header

from paytrust.money import Money, notation
from paytrust.money.notation import Notation

CLOCKS = {  # the clock of those who pay in a currency, and how they call it
    "IDR": (ZoneInfo("Asia/Jakarta"), "WIB"),
    "MYR": (ZoneInfo("Asia/Kuala_Lumpur"), "MYT"),
}
UTC = (ZoneInfo("UTC"), "UTC")


def by_the_customers_clock(at: datetime, currency_code: str) -> str:
    """Write a time in the language that is active: 16 January 2026, 10:20 WIB."""
    zone, name = CLOCKS.get(currency_code, UTC)
    return f"{date_format(at.astimezone(zone), 'j F Y, H:i')} {name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Every text of the page in one language."""

    code: str
    language: str
    months: tuple[str, ...]
    notation: Notation
    titles: Mapping[str, str]  # by state
    leads: Mapping[str, str]
    amount: str
    order: str
    deadline: str
    time_left: str
    how_to_pay: str
    numbers: Mapping[str, str]  # by field of the instructions, in the order of the page
    virtual_account: str
    scan: str
    scan_with_app: str
    qr_code: str
    open_app: str
    copy: str
    copied: str
    waiting: str
    reload: str
    back: str
    current_page: str
    handled_by: str
    choose_language: str
    receipt: str
    missing_title: str
    missing_lead: str
    steps: Mapping[str, tuple[str, ...]]  # by type of payment
    other_steps: tuple[str, ...]

    def money(self, money: Money) -> str:
        """Write an amount as people who read this language do: Rp 150.000."""
        return self.notation.written(money)

    def moment(self, at: datetime, currency: str) -> str:
        """Write a time by the customer's clock: 16 Jan 2026, 10:20 WIB."""
        zone, name = CLOCKS.get(currency, UTC)
        local = at.astimezone(zone)
        month = self.months[local.month - 1]
        return f"{local.day} {month} {local.year}, {local:%H:%M} {name}"


ENGLISH = Texts(
    code="en",
    language="English",
    months=(
        *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
        *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    ),
    notation=notation.ENGLISH,
    titles={
        "pending": "Pay {page.merchant}",
        "paid": "Payment received",
        "expired": "The time to pay is over",
        "cancelled": "This payment was cancelled",
    },
    leads={
        "pending": "",
        "paid": "Thank you. {page.merchant} has been told about your payment.",
        "expired": "Please do not pay with an old code or number any more.",
        "cancelled": "Please do not pay with an old code or number any more.",
    },
    amount="Amount",
    order="Order",
    deadline="Pay before",
    time_left="Time left",
    how_to_pay="How to pay",
    numbers={
        "va_number": "Virtual account number",
        "biller_code": "Biller code (Kode Perusahaan)",
        "bill_key": "Bill key (Kode Pembayaran)",
        "payment_code": "Payment code",
    },
    virtual_account="{bank} virtual account",
    scan="Scan with any bank or e-wallet app that takes QRIS",
    scan_with_app="On a computer? Scan with your phone to open {name}",
    qr_code="QR code to pay with",
    open_app="Open {app}",
    copy="Copy",
    copied="Copied",
    waiting="Waiting for your payment. This page changes by itself once you have paid.",
    reload="See whether the payment has arrived",
    back="Back to {merchant}",
    current_page="Go to the current payment page",
    handled_by="Payment handled by {gateway}",
    choose_language="Language",
    receipt="Receipt (PDF)",
    missing_title="This payment page does not exist",
    missing_lead=(
        "The address may be incomplete. Please open it again from the message or the shop "
        "that gave it to you, or ask the shop for a new one."
    ),
    steps={
        "qris": (
            "Open your bank or e-wallet app and choose to pay by QRIS.",
            "Scan the code. On this phone: save a screenshot and choose it in the app.",
            "Check that the amount is {amount}, and confirm with your PIN.",
        ),
        "gopay": (
            "On your phone, press “Open {name}”. On a computer, scan the code with the app.",
            "Check that the amount is {amount}.",
            "Confirm with your PIN.",
        ),
        "shopeepay": (
            "On your phone, press “Open {name}”. On a computer, scan the code with your phone.",
            "Check that the amount is {amount}.",
            "Confirm with your PIN.",
        ),
        "bank_transfer": (
            "In the {name} app or at a {name} ATM, choose {menu}.",
            "At another bank, choose a transfer to {name}.",
            "Enter the virtual account number shown above.",
            "Check that the amount is exactly {amount}, and confirm with your PIN.",
        ),
        "echannel": (
            "Open Livin' by Mandiri, or go to a Mandiri ATM.",
            "Choose Bayar, then Multi Payment, and enter the biller code shown above.",
            "Enter the bill key shown above.",
            "Check that the amount is {amount}, and confirm with your PIN.",
        ),
        "cstore": (
            "Go to any {name} shop before the time is over.",
            "Tell the cashier that you pay an online order through {gateway}.",
            "Show the payment code, and pay {amount}. The shop may add a fee of its own.",
            "Keep the receipt.",
        ),
    },
    other_steps=("Pay {amount} as shown above.",),
)
INDONESIAN = Texts(
    code="id",
    language="Bahasa Indonesia",
    months=(
        *("Jan", "Feb", "Mar", "Apr", "Mei", "Jun"),
        *("Jul", "Agu", "Sep", "Okt", "Nov", "Des"),
    ),
    notation=notation.INDONESIAN,
    titles={
        "pending": "Bayar ke {page.merchant}",
        "paid": "Pembayaran diterima",
        "expired": "Waktu pembayaran sudah habis",
        "cancelled": "Pembayaran ini dibatalkan",
    },
    leads={
        "pending": "",
        "paid": "Terima kasih. {page.merchant} sudah diberi tahu tentang pembayaran Anda.",
        "expired": "Mohon jangan membayar lagi dengan kode atau nomor yang lama.",
        "cancelled": "Mohon jangan membayar lagi dengan kode atau nomor yang lama.",
    },
    amount="Jumlah",
    order="Pesanan",
    deadline="Bayar sebelum",
    time_left="Sisa waktu",
    how_to_pay="Cara membayar",
    numbers={
        "va_number": "Nomor virtual account",
        "biller_code": "Kode perusahaan",
        "bill_key": "Kode pembayaran",
        "payment_code": "Kode pembayaran",
    },
    virtual_account="Virtual account {bank}",
    scan="Pindai dengan aplikasi bank atau dompet digital apa pun yang mendukung QRIS",
    scan_with_app="Memakai komputer? Pindai dengan ponsel untuk membuka {name}",
    qr_code="Kode QR untuk membayar",
    open_app="Buka {app}",
    copy="Salin",
    copied="Tersalin",
    waiting="Menunggu pembayaran Anda. Halaman ini berubah sendiri setelah Anda membayar.",
    reload="Lihat apakah pembayaran sudah diterima",
    back="Kembali ke {merchant}",
    current_page="Buka halaman pembayaran yang berlaku",
    handled_by="Pembayaran diproses oleh {gateway}",
    choose_language="Bahasa",
    receipt="Kuitansi (PDF)",
    missing_title="Halaman pembayaran ini tidak ada",
    missing_lead=(
        "Alamatnya mungkin tidak lengkap. Silakan buka lagi dari pesan atau toko yang "
        "memberikannya, atau minta alamat baru kepada toko."
    ),
    steps={
        "qris": (
            "Buka aplikasi bank atau dompet digital Anda, lalu pilih bayar dengan QRIS.",
            "Pindai kodenya. Di ponsel ini: simpan tangkapan layar, lalu pilih di aplikasi.",
            "Pastikan jumlahnya {amount}, lalu konfirmasi dengan PIN.",
        ),
        "gopay": (
            "Di ponsel, tekan “Buka {name}”. Di komputer, pindai kode dengan aplikasinya.",
            "Pastikan jumlahnya {amount}.",
            "Konfirmasi dengan PIN.",
        ),
        "shopeepay": (
            "Di ponsel, tekan “Buka {name}”. Di komputer, pindai kode dengan ponsel Anda.",
            "Pastikan jumlahnya {amount}.",
            "Konfirmasi dengan PIN.",
        ),
        "bank_transfer": (
            "Di aplikasi {name} atau ATM {name}, pilih {menu}.",
            "Di bank lain, pilih transfer ke {name}.",
            "Masukkan nomor virtual account di atas.",
            "Pastikan jumlahnya tepat {amount}, lalu konfirmasi dengan PIN.",
        ),
        "echannel": (
            "Buka Livin' by Mandiri atau datangi ATM Mandiri.",
            "Pilih Bayar, lalu Multi Payment, dan masukkan kode perusahaan di atas.",
            "Masukkan kode pembayaran di atas.",
            "Pastikan jumlahnya {amount}, lalu konfirmasi dengan PIN.",
        ),
        "cstore": (
            "Datangi gerai {name} mana pun sebelum waktunya habis.",
            "Katakan kepada kasir bahwa Anda membayar pesanan daring melalui {gateway}.",
            "Tunjukkan kode pembayaran dan bayar {amount}. Gerai dapat menambahkan biaya sendiri.",
            "Simpan struknya.",
        ),
    },
    other_steps=("Bayar {amount} seperti tertera di atas.",),
)
LANGUAGES = {texts.code: texts for texts in (ENGLISH, INDONESIAN)}

FORMER_CODES = {"in": "id"}  # what old browsers call Indonesian


def chosen(*, asked_for: str | None, accepted: str) -> Texts:
    """Return the texts that were asked for, else the best that the browser accepts.

    Args:
        asked_for: `lang` of the address, if any.
        accepted: the Accept-Language header.
    """
    if asked_for in LANGUAGES:
        return LANGUAGES[asked_for]
    for code, _ in parse_accept_lang_header(accepted.lower()):
        primary = code.partition("-")[0]
        if texts := LANGUAGES.get(FORMER_CODES.get(primary, primary)):
            return texts
    return ENGLISH
