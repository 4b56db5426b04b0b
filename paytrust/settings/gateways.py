"""The gateways and the platform's accounts with them."""

from paytrust.settings.environment import env

REFERENCE_PREFIX: str = env.str("REFERENCE_PREFIX", default="PT")
CONFIRM_WITH_GATEWAY: bool = env.bool("CONFIRM_WITH_GATEWAY", default=True)
XENDIT: dict[str, str] = {
    "base_url": env.str("XENDIT_BASE_URL", default="https://api.xendit.co"),
    "secret_key": env.str("XENDIT_SECRET_KEY", default=""),
    "callback_token": env.str("XENDIT_CALLBACK_TOKEN", default=""),
}
MIDTRANS: dict[str, str] = {
    "core_base_url": env.str("MIDTRANS_CORE_BASE_URL", default="https://api.midtrans.com"),
    "snap_base_url": env.str("MIDTRANS_SNAP_BASE_URL", default="https://app.midtrans.com/snap/v1"),
    "server_key": env.str("MIDTRANS_SERVER_KEY", default=""),
    "client_key": env.str("MIDTRANS_CLIENT_KEY", default=""),
}
