"""How much of a client is kept."""

import re
from ipaddress import IPv4Address, ip_address, ip_network

MAX_USER_AGENT = 255
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # C1 too: U+0085 is a line break


def truncated(address: str | None) -> str | None:
    """The /24 of an IPv4 address or the /48 of an IPv6 one; None for what is no address."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    bits = 24 if isinstance(mapped, IPv4Address) else 48
    return str(ip_network(f"{mapped}/{bits}", strict=False).network_address)


def cleaned(user_agent: str | None) -> str | None:
    """At most 255 characters, none of them a control character."""
    return _CONTROLS.sub(" ", user_agent or "").strip()[:MAX_USER_AGENT] or None
