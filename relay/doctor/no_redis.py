"""Why there is no looking at a Redis, in words of what to do next."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from relay.redis.address import Address

_STATES = {
    "T": "it was stopped (SIGSTOP, a debugger): kill -CONT {pid}",
    "D": "it waits for its disk: look at iostat -x 1, dmesg, and its volume",
    "R": "it is busy, maybe with a long script: SLOWLOG GET afterwards; SCRIPT KILL or FUNCTION KILL ends it",
    "S": "it waits for something: look at its log",
}
_PEER = struct.Struct("3i")  # pid, uid, gid


def why_not(address: Address, error: Exception, deadline: float) -> str:
    """What befell a connection to a server that was given `deadline` seconds, and what that may come from."""
    from redis.exceptions import BusyLoadingError, TimeoutError
    from redis.sentinel import MasterNotFoundError

    if isinstance(error, MasterNotFoundError):
        return f"no Sentinel says where {address.name} is"  # it names its connections, one behind the other
    if isinstance(error, BusyLoadingError):
        return f"{error}. It reads its file after a start, and answers when it is done: wait, and look at its log"
    if isinstance(error, TimeoutError) and "connect" not in str(error).lower():
        return f"it accepts connections and answers nothing within {deadline:.0f} s, so it hangs: {_hanging(address)}"
    if isinstance(error, TimeoutError):
        return f"{error}: its machine is off or cut off, a firewall drops packets, or it accepts no more connections"
    if _is_refused(error):
        return f"{error}: no server listens there: see whether Redis runs, and its log"
    return str(error)


def _is_refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _hanging(address: Address) -> str:
    """Why a server does that: what the kernel says of its process, where that runs on this machine."""
    found = _process_of(address)
    if found is None:
        return (
            "it was stopped (SIGSTOP), waits for its disk, or runs a long command or script. On its machine: "
            "ps -o pid,stat,wchan:20,args -C redis-server,valkey-server (T: stopped, D: its disk, R: busy)"
        )
    pid, state = found
    why = _STATES.get(state, "look at its log").format(pid=pid)
    return f"process {pid} is in state {state}: {why}"


def _process_of(address: Address) -> tuple[int, str] | None:
    """Pid and state of the process that listens at a unix socket; None where that can't be known."""
    if address.scheme != "unix" or not hasattr(socket, "SO_PEERCRED"):
        return None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connected:
            connected.settimeout(1)
            connected.connect(address.host)
            pid = _PEER.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[0]
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return pid, stat.rpartition(") ")[2][:1]
