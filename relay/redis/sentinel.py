"""A master and its replicas under Sentinels: they are asked where the master is before each connection, and all the
time.

Every half second, and when one of them publishes ``+switch-master``, all Sentinels are asked at once. A planned
failover needs that: the old master takes writes for seconds longer, and Sentinels hear of it one after the other. Each
says with the master's address how often it has changed (its epoch), so that the newest answer counts, not the last one:
a Sentinel that was cut off together with an old master leads nobody back to it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IProtocol, IReactorTime
from twisted.logger import Logger

from relay.redis.address import Address, shown_host
from relay.redis.health import Health
from relay.redis.refusal import LinkLost, Refused
from relay.redis.sentinel_voice import Master, SentinelRound, SentinelVoice, newest
from relay.redis.server import Server, Topology
from relay.redis.subscription import Subscription
from relay.redis.wire import Connects
from relay.timing.recurring import recurring

WATCH = 0.5  # seconds between two questions
SILENT = 5.0  # seconds without an answer of any Sentinel until the log has it
SURE = 1.0  # seconds for which an answer holds: no master is replaced sooner
SWITCH = "+switch-master"  # the channel; its messages: name, host and port before, host and port now

Reach = Callable[[Address], Connects]


class Sentinels(Server, Topology):
    """Those that `address` names, and the master that they watch: a topology of one server. `reach` connects to a
    Sentinel or a server; `mix` puts the Sentinels into an order of this process' own."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        address: Address,
        reach: Reach,
        mix: Callable[[list[Address]], None] = random.shuffle,
    ) -> None:
        self.shown = address.shown
        self.on_moved: list[Callable[[str], None]] = []
        self._address = address
        self._reach = reach
        sentinels = address.sentinels()
        mix(sentinels)
        self._voices = [SentinelVoice(clock, each, address.name, reach) for each in sentinels]
        self._known: Master | None = None
        self._round: SentinelRound | None = None
        self._connecting: set[Deferred[IProtocol]] = set()
        self._watching = recurring(clock, self._watch)
        self._silence = _Silence(clock, address.shown)
        self._speaker = _Speaker(self._voices, address, reach)
        self._hearing = Subscription(
            clock, self._speaker, SWITCH, self._published, _Unsaid(clock, address.shown)
        )

    @property
    def greeting(self) -> Sequence[tuple[Any, ...]]:
        return self._address.greeting

    def server_of(self, key: str) -> Sentinels:
        """The master, which has every key."""
        return self

    @property
    def is_sure(self) -> bool:
        """Most Sentinels were heard a moment ago: fewer can't make another master, and these would have said so."""
        return 2 * sum(voice.is_heard(SURE) for voice in self._voices) > len(self._voices)

    @property
    def replicas(self) -> int:
        """As the Sentinel says that knows of most: each of these may be promoted."""
        heard = [voice for voice in self._voices if voice.is_heard(SURE)] or self._voices
        return max(voice.replicas for voice in heard)

    def start(self) -> None:
        self._hearing.start()
        self._watching.start(WATCH, now=False)

    def stop(self) -> Deferred[None]:
        """Watch no more, and close all connections to Sentinels."""
        if self._watching.running:
            self._watching.stop()
        for voice in self._voices:
            voice.close()
        return self._hearing.stop()

    def connect(self, factory: Any) -> Deferred[IProtocol]:
        return ensureDeferred(self._connect(factory))

    def led_astray(self, said: str) -> None:
        """The Sentinels are asked before the next connection anyway."""

    async def _connect(self, factory: Any) -> IProtocol:
        await self._look()
        known = self._known
        assert known is not None
        connecting = self._reach(self._address.server_at(*known.at)).connect(factory)
        self._connecting.add(connecting)
        try:
            return await connecting
        except Exception:
            if self._known is not None and self._known.at != known.at:
                raise LinkLost(_moved(self._known)) from None
            raise
        finally:
            self._connecting.discard(connecting)

    # -- where it is --

    def _look(self) -> Deferred[None]:
        """Ask the Sentinels; fires once it is known where the master is. Fails with `Refused` where they refuse to say,
        with `LinkLost` where none answers."""
        free = [voice for voice in self._voices if not voice.is_asked]
        if free or self._round is None:
            self._round = SentinelRound(free, self._take, self._settle)
        return self._round.wait()

    async def _watch(self) -> None:
        """See whether the master has moved without a word to its links."""
        try:
            await self._look()
        except Exception as error:  # whoever needs a connection hears it
            self._silence.missed(str(error), self._known)
        else:
            self._silence.heard()
        self._speaker.see_to()

    def _published(self, channel: bytes, message: bytes) -> None:
        """A Sentinel has switched to another master."""
        words = message.decode("utf-8", "replace").split(" ")
        known = self._known
        if len(words) != 5 or words[0] != self._address.name or known is None:
            return
        host, port, new_host, new_port = words[1:]
        if (host, port) == (known.at[0], str(known.at[1])) and new_port.isdigit():
            self._leads_to(Master(known.epoch + 1, (new_host, int(new_port))))

    def _take(self, said: Master) -> bool:
        """Hear what one Sentinel says; whether it is known now where the master is."""
        known = self._known
        if known is None or said.epoch > known.epoch:
            self._leads_to(said)
            return True
        return said == known

    def _settle(self, said: list[Master]) -> None:
        """Hear what all say that answered. They may be behind what is known together only, after they were set up
        anew."""
        found, known = newest(said, self._known), self._known
        if known is None or found.epoch >= known.epoch or len(said) == len(self._voices):
            self._leads_to(found)

    def _leads_to(self, master: Master) -> None:
        """The master is there. Links that lead elsewhere are cut."""
        before, self._known = self._known, master
        if before is None or before.at == master.at:
            return
        connecting = [lambda why, each=each: each.cancel() for each in self._connecting]
        for listener in (*connecting, *self.on_moved):
            try:
                listener(_moved(master))
            except Exception:
                self._log.failure("a link to a former master can't be cut")


class _Silence:
    """Sentinels of which none says where the master is, while links to it go on: the log hears of that once it has
    lasted, and when it is over."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, shown: str) -> None:
        self._clock = clock
        self._shown = shown
        self._since: float | None = None
        self._said = False

    def missed(self, why: str, known: Master | None) -> None:
        if self._since is None:
            self._since = self._clock.seconds()
        if known is None or self._said or self._clock.seconds() - self._since < SILENT:
            return
        self._said = True
        self._log.warn(
            "no Sentinel of {at} says where the master is: relay stays with {known} ({why})",
            at=self._shown,
            known=shown_host(*known.at),
            why=why,
        )

    def heard(self) -> None:
        if self._said:
            self._log.info("Sentinels of {at} say again where the master is", at=self._shown)
        self._since, self._said = None, False


class _Unsaid(Health):
    """A Sentinel that goes, or lets nobody listen, is no news as long as another one answers when it is asked; what
    they all refuse is said by the links and by `_Silence`."""

    def lost(self, link: Any, why: str) -> None: ...

    def up(self, link: Any) -> None: ...

    def refused(self, refusal: Refused) -> None: ...


class _Speaker(Server):
    """The Sentinel that is listened to: one that answers."""

    def __init__(self, voices: list[SentinelVoice], address: Address, reach: Reach) -> None:
        self.shown = address.shown
        self.on_moved: list[Callable[[str], None]] = []
        self._voices = voices
        self._present = voices[0]
        self._reach = reach

    @property
    def greeting(self) -> Sequence[tuple[Any, ...]]:
        return self._present.address.greeting

    def connect(self, factory: Any) -> Deferred[IProtocol]:
        self._present = next((voice for voice in self._voices if voice.is_well), self._voices[0])
        return self._reach(self._present.address).connect(factory)

    def led_astray(self, said: str) -> None:
        """Sentinels do not say so."""

    def see_to(self) -> None:
        """Leave a Sentinel that does not answer for one that does."""
        if not self._present.is_well and any(voice.is_well for voice in self._voices):
            for listener in self.on_moved:
                listener("it does not answer")


def _moved(master: Master) -> str:
    return f"the master is at {shown_host(*master.at)} now"
