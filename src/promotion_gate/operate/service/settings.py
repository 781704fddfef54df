"""What the service is started with."""

import ipaddress
import pathlib
import socket
from dataclasses import dataclass, field

from promotion_gate.errors import InputError
from promotion_gate.operate.gate import DEFAULT_MODELS


@dataclass(frozen=True)
class Settings:
    """See the options of `promotion-gate serve`. `database` may hold a password: it is not in the text form."""

    database: str = field(repr=False)
    no_auth: bool = False
    models: pathlib.Path = DEFAULT_MODELS
    params: pathlib.Path | None = None
    deployers: pathlib.Path | None = None
    rate: float = 500.0


def is_loopback(host: str) -> bool:
    """Say whether every address that a host name stands for is this machine's own."""
    try:
        found = {str(address[4][0]) for address in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in found)


def check_host(host: str, no_auth: bool) -> None:
    """Refuse to serve others without tokens: InputError."""
    if no_auth and not is_loopback(host):
        raise InputError(
            f"--no-auth is for the loopback alone, not for {host!r:.80}: anybody there could promote; use 127.0.0.1, "
            "or leave --no-auth out and make tokens: `promotion-gate token create`"
        )
