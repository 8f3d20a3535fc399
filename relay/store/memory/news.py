"""Who hears what of the jobs of the store in memory, beside how they end."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from relay.model.status import JobStatus, Outcome
from relay.store.mail import MailKind
from relay.store.memory.mail import Post
from relay.store.memory.record import LiveJob
from relay.store.pieces import Piece
from relay.store.standings import news, told_pieces

Standing = Callable[[str, str], JobStatus | Outcome | None]


class News:
    """Told at the end of each verb: where the jobs stand by then that were `changed`. `standing` says where."""

    def __init__(self, post: Post, standing: Standing) -> None:
        self._post = post
        self._standing = standing
        self._changed: dict[str, LiveJob] = {}

    def status(self, live: LiveJob) -> JobStatus:
        """Where a live job stands, for who listens to it."""
        found = self._standing("*", live.id)
        assert isinstance(found, JobStatus)
        return msgspec.structs.replace(found, starts=live.starts)

    def changed(self, live: LiveJob) -> None:
        """A job was started, or put back, or has said how far it is."""
        if live.listening:
            self._changed[live.id] = live

    def tell(self) -> None:
        """Tell where they stand, those that have not ended."""
        changed, self._changed = self._changed, {}
        for live in changed.values():
            if not live.state.complete:
                self._post_to(live, MailKind.NEWS, news(self.status(live)))

    def pieces(self, live: LiveJob, pieces: list[Piece]) -> None:
        """A job has put these out, in one start."""
        if live.listening and pieces:
            self._post_to(live, MailKind.PIECES, told_pieces(pieces))

    def _post_to(self, live: LiveJob, kind: MailKind, data: bytes) -> None:
        for inbox in live.listening:
            self._post.send(inbox, kind, live.id, data)
