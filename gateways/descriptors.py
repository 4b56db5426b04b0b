"""The gateways that `settings.GATEWAYS` names, a dotted path each."""

from django.conf import settings

from gateways.descriptor import GatewayDescriptor, loaded


def all_served() -> tuple[GatewayDescriptor, ...]:
    """Return every gateway that is served, in the order of the settings."""
    return loaded(tuple(settings.GATEWAYS))


def codes() -> tuple[str, ...]:
    """Return the codes of all gateways that are served."""
    return tuple(one.code for one in all_served())


def of(code: str) -> GatewayDescriptor:
    """Return one gateway.

    Raises:
        KeyError: no gateway that is served has this code.
    """
    for one in all_served():
        if one.code == code:
            return one
    raise KeyError(code)


def choices(*, of: str | None = None) -> tuple[str, ...]:
    """Return the methods that a merchant may ask for at any gateway, or the choices of one."""
    found = dict.fromkeys(
        choice
        for gateway in all_served()
        for choice in (gateway.methods if of is None else gateway.methods.get(of, ()))
    )
    return tuple(found)
