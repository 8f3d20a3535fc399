"""A connection on which requests come: where it stands meanwhile, and how long a request may take to come."""

from __future__ import annotations

from relay.http.connections import Connections
from relay.http.intake import Intake
from relay.http.life import BUSY, IDLE, READING, TRANSITIONS, Life
from relay.http.told import Told

REQUEST_TIME = 60.0  # seconds from a request's first byte to its last, and one more for each:
REQUEST_RATE = 1 << 10  # bytes of its body
LAST_REQUEST = 5.0  # seconds for another request on a connection that is about to close
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Receiving(Told):
    """Has what comes from a client at `address` read."""

    _intake: Intake
    __slots__ = ("_began", "_life", "_owes_continue")

    def __init__(self, connections: Connections, address: str) -> None:
        super().__init__(connections, address)
        self._life = IDLE
        self._owes_continue = False
        self._began = 0.0  # when the request that is being read began, by the clock

    def _become(self, life: Life) -> None:
        """Where it could be wrong: what is clear from the line before is set as it is."""
        assert life in TRANSITIONS[self._life], f"{self!r} can't become {life.name}"
        self._life = life

    def began(self) -> None:
        """The first byte of a request is here."""
        self._began = self._connections.now()
        if self._life not in BUSY:
            self.deadline = self._began + REQUEST_TIME
        if self._life is IDLE:
            self._life = READING

    def grew(self, size: int) -> None:
        """So many bytes of the body of the request that is being read are here."""
        if self._life not in BUSY:
            self.deadline = self._began + REQUEST_TIME + size / REQUEST_RATE

    def proceed(self) -> None:
        """Ask for the body, after the answers to what came before."""
        self._owes_continue = self._life in BUSY or bool(self._intake.backlog)
        if not self._owes_continue:
            self.transport.write(_CONTINUE)

    def close_when_idle(self) -> None:
        """Close after the answer that is due, or the next one, because a client may be sending a request just now,
        which would be lost if the connection closed at once."""
        if self._life not in BUSY and not self._intake.reading:
            self.deadline = self._connections.now() + LAST_REQUEST
