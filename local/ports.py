"""Ports on loopback: a free one, or one that was used before and must still be free."""

import socket

from local.errors import LocalError, LocalReason

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now; connections that linger from the last one do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def is_open(port: int) -> bool:
    """Whether somebody answers on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def require_free(port: int, what: str) -> int:
    """`port`, unless another program has it; `what` is named in the refusal."""
    if not is_free(port):
        raise LocalError(
            LocalReason.PORT_TAKEN,
            f"{what} needs port {port} on {LOOPBACK}, which another program has; "
            f"stop that program (`ss -ltnp 'sport = :{port}'` names it) or choose another data folder",
        )
    return port
