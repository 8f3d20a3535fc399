"""One data set of the store in memory, shared by the processes that a test plays."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from relay.model import ids
from relay.store.member import INBOX_TTL
from relay.store.memory.dataset import DataSet
from relay.store.memory.mail import Deliver, MemoryInbox, Post
from relay.store.memory.processes import Processes
from relay.store.memory.sessions import Sessions
from relay.store.memory.turns import Turns
from relay.store.terms import StoreSettings

FIRST = 1_000_000_000  # ms: a time is never 0, which stands for none, whatever the clock says


class MemoryStore:
    """Keeps everything by `clock`. `MemoryFrontStore`, `MemoryWorkerStore` and `MemoryOperatorStore` are its verbs."""

    def __init__(
        self, clock: IReactorTime, terms: StoreSettings, first: int = FIRST, inboxes: float = INBOX_TTL
    ) -> None:
        """`first`: milliseconds since the epoch when the clock says 0 · `inboxes`: seconds that one outlives its last
        sweep."""
        self._clock = clock
        self._first = first
        self._terms = terms
        #: each is called with 0, the number of the only partition, when the data is lost
        self.on_data_loss: list[Callable[[int], None]] = []
        self.post = Post(clock, inboxes)
        self._begin()

    def lose_data(self) -> None:
        """Forget everything, as a server that was emptied: no session, no job and no key is known any more."""
        self.post.remove_all()
        self._begin()
        for listener in self.on_data_loss:
            listener(0)

    def _begin(self) -> None:
        self.epoch = ids.random_name(5)
        self.data = DataSet(self.now, self.post, self._terms)
        self.sessions = Sessions(self.data)
        self.turns = Turns(self.data, self.sessions)
        self.processes = Processes(self.now)

    def now(self) -> int:
        """Milliseconds."""
        return self._first + int(self._clock.seconds() * 1000)

    def inbox(self, name: str, deliver: Deliver) -> MemoryInbox:
        """The inbox of one process."""
        return MemoryInbox(self.post, name, deliver)

    def mint(self) -> str:
        """A new job id."""
        return ids.mint(0, self.epoch)

    def minted_elsewhere(self, id: str) -> bool:
        """Whether an id was made for another data set than the present one."""
        minted = ids.parse(id)
        return minted is not None and minted.partition == 0 and minted.epoch != self.epoch
