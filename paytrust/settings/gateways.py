"""The gateways and the platform's accounts with them."""

from gateways.descriptor import loaded
from paytrust.settings.environment import env

# One line adds a gateway; its folder has everything else about it.
GATEWAYS = [
    "gateways.xendit.descriptor.XENDIT",
    "gateways.midtrans.descriptor.MIDTRANS",
]

REFERENCE_PREFIX: str = env.str("REFERENCE_PREFIX", default="PT")
CONFIRM_WITH_GATEWAY: bool = env.bool("CONFIRM_WITH_GATEWAY", default=True)

_SERVED = loaded(tuple(GATEWAYS))

# The platform's own account at each gateway, by code: addresses and secrets.
GATEWAY_CONNECTIONS: dict[str, dict[str, str]] = {
    one.code: one.connection(lambda name, default: env.str(name, default=default))
    for one in _SERVED
}
# Calls a minute of one kind, by code. Missing: the descriptor's number. 0: no limit of ours.
GATEWAY_CALLS_PER_MINUTE: dict[str, int | None] = {
    one.code: env.int(one.call_rate.variable, default=None) for one in _SERVED
}
