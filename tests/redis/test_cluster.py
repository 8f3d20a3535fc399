"""Links to the nodes of a Cluster, which is in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

from relay.redis.address import Address
from relay.redis.cluster import ASKED, WATCH, Cluster
from relay.redis.connection import SILENCE, Connection, Elsewhere
from relay.redis.refusal import Refused
from relay.redis.slots import Node
from tests.redis.memory import MemoryCluster

A, B, C = 1, 2, 3


class Scene:
    """A link to a Cluster of three nodes, whose URL names the first two. All slots are at the first one."""

    def __init__(self, **begin: Any) -> None:
        self.clock = Clock()
        self.mixed: Callable[[list[Node]], None] = lambda nodes: None
        self.there = MemoryCluster(self.clock, A, B, C)
        address = Address.parse(begin.get("url", "redis+cluster://n:1,n:2"))
        self.cluster = Cluster(self.clock, address, self.there.reach, lambda nodes: self.mixed(nodes))
        self.server = self.cluster.server_of("{r0}:never")
        self.refused: list[Refused] = []
        self.link = self.new_link()

    def new_link(self) -> Connection:
        link = Connection(self.clock, self.server)
        link.on_refused = self.refused.append
        return link

    def begin(self) -> None:
        self.cluster.start()
        self.link.start()
        self.there.turn(0.3)

    def ask(self, link: Connection | None = None) -> Any:
        """What a command is answered, an exception for one that was not carried out, None before it is."""
        said: list[Any] = []
        (link or self.link).command("INCR", "x").addBoth(
            lambda result: said.append(getattr(result, "value", result))
        )
        self.there.turn(0.1)
        return said[0] if said else None

    def connects(self) -> int:
        return sum(server.connects for server in self.there.nodes.values())


def begun() -> Scene:
    scene = Scene()
    scene.begin()
    return scene


def test_a_link_leads_to_the_owner_of_its_slot() -> None:
    scene = Scene()
    scene.there.moved(C)
    scene.begin()
    assert scene.ask() == b"OK"
    assert scene.there.asked(C, b"INCR") == 1
    assert scene.cluster.server_of("{r0}:epoch") is scene.server
    assert scene.cluster.server_of("{r1}:epoch") is not scene.server


def test_where_a_node_says_that_its_slot_has_moved_is_believed_at_once() -> None:
    scene = begun()
    scene.there.moved(C, A, C)  # B does not know yet
    assert isinstance(scene.ask(), Elsewhere)
    scene.there.turn(0.2)
    assert scene.ask() == b"OK"
    assert scene.there.asked(C, b"INCR") == 1
    scene.there.turn(3 * WATCH)
    assert scene.link.up


def test_all_links_to_a_slot_that_has_moved_are_cut_also_one_that_waits() -> None:
    scene = begun()
    inbox = scene.new_link()
    inbox.start()
    scene.there.turn(0.1)
    waiting = inbox.command("XREAD", blocking=True)
    lost: list[str] = []
    waiting.addErrback(lambda failure: lost.append(failure.getErrorMessage()))
    scene.there.moved(C)
    scene.ask()
    assert lost
    scene.there.turn(0.5)
    assert scene.ask(inbox) == scene.ask() == b"OK"
    assert scene.there.asked(C, b"INCR") == 2


def test_a_node_that_is_gone_is_passed_over() -> None:
    scene = Scene()
    scene.there.nodes["n", A].refuses = True
    scene.there.moved(C)
    scene.begin()
    assert scene.ask() == b"OK"


def test_another_node_is_found_for_an_owner_that_is_gone_before_the_next_question() -> None:
    scene = begun()
    scene.there.nodes["n", A].refuses = True
    scene.there.moved(B)
    scene.there.nodes["n", A].cut()
    scene.there.turn(0.35)
    assert scene.ask() == b"OK"
    assert scene.clock.seconds() < WATCH


def test_a_link_leaves_an_owner_that_hangs_once_another_node_has_its_slot() -> None:
    scene = begun()
    scene.there.hung.add(("n", A))
    waiting = scene.link.command("XREAD", blocking=True)
    lost: list[float] = []
    waiting.addErrback(lambda failure: lost.append(scene.clock.seconds()))
    scene.there.turn(2)
    scene.there.moved(B, B, C)
    moved = scene.clock.seconds()
    scene.there.turn(WATCH + ASKED + 0.2)
    assert lost
    assert lost[0] - moved <= WATCH + ASKED + 0.1
    assert scene.ask() == b"OK"


def test_a_link_leaves_a_hanging_node_that_it_greets_too() -> None:
    scene = begun()
    scene.there.hung.add(("n", A))
    scene.there.nodes["n", A].cut()
    scene.there.turn(1)  # the link greets the one that hangs
    scene.there.moved(B, B, C)
    began = scene.clock.seconds()
    while not scene.link.up:
        scene.there.turn(0.1)
    assert scene.clock.seconds() - began < WATCH + ASKED + 0.5 < SILENCE


def test_a_node_that_is_cut_off_with_the_old_owner_is_not_believed() -> None:
    scene = begun()
    scene.there.down |= {("n", A), ("n", B)}  # C knows better, and is none of the URL's
    scene.there.moved(C, C)
    scene.ask()
    scene.there.turn(1)
    assert scene.ask() == b"OK"
    connects = scene.connects()
    scene.there.turn(5 * WATCH)
    assert scene.ask() == b"OK"
    assert scene.there.nodes["n", C].connects >= 1
    assert scene.connects() - connects <= 2  # those of the questions


def test_a_node_that_hears_late_of_a_move_moves_nothing_back() -> None:
    scene = Scene()
    scene.mixed = lambda nodes: nodes.sort(key=lambda node: node != ("n", B))  # B is asked from now on
    scene.begin()
    scene.there.moved(C, A, C)  # B does not know
    scene.ask()
    scene.there.turn(0.3)
    assert scene.ask() == b"OK"
    connects = scene.there.nodes["n", C].connects
    scene.there.turn(3 * WATCH)
    assert scene.there.asked(B, b"CLUSTER") > 0
    assert scene.there.nodes["n", C].connects == connects
    assert scene.ask() == b"OK"


def test_a_slot_that_is_half_moved_is_asked_again_on_the_same_connection() -> None:
    scene = begun()
    connects = scene.connects()
    for said in (b"-ASK 1 n:3\r\n", b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n"):
        usual, scene.there.nodes["n", A].answer = scene.there.nodes["n", A].answer, lambda words: said  # noqa: B023
        refusal = scene.ask()
        assert isinstance(refusal, Refused)
        assert refusal.later
        scene.there.nodes["n", A].answer = usual
    assert scene.connects() == connects
    assert scene.ask() == b"OK"


def test_a_cluster_that_is_down_is_tried_again_with_pauses() -> None:
    scene = begun()
    scene.there.down |= set(scene.there.nodes)
    connects = scene.there.nodes["n", A].connects
    for _ in range(20):
        scene.ask()
    assert 2 <= scene.there.nodes["n", A].connects - connects <= 40
    scene.there.down.clear()
    scene.there.turn(0.5)
    assert scene.ask() == b"OK"


def test_a_server_that_is_in_no_cluster_refuses() -> None:
    scene = Scene()
    for server in scene.there.nodes.values():
        server.answer = lambda words: b"-ERR This instance has cluster support disabled\r\n"
    scene.begin()
    assert "it is not a node of a Cluster: write redis://" in str(scene.refused[0])


def test_a_password_that_the_nodes_refuse_is_told_as_a_refusal() -> None:
    scene = Scene(url="redis+cluster://u:wrong@n:1,n:2")
    for server in scene.there.nodes.values():
        server.answer = lambda words: b"-WRONGPASS invalid username-password pair\r\n"
    scene.begin()
    assert scene.refused[0].word == "WRONGPASS"
    assert scene.there.asked(A, b"AUTH") >= 1
    assert not scene.there.asked(A, b"CLUSTER") or scene.there.nodes["n", A].verbs()[0] == b"AUTH"


def test_a_slot_without_a_node_is_away_and_found_once_it_has_one() -> None:
    scene = Scene()
    usual = {node: server.answer for node, server in scene.there.nodes.items()}
    for server in scene.there.nodes.values():
        server.answer = lambda words: b"*0\r\n"
    scene.begin()
    assert scene.ask() is None
    scene.there.turn(2)
    assert "no node of the Cluster has slot 6248" in scene.link.health.why_away
    for node, server in scene.there.nodes.items():
        server.answer = usual[node]
    scene.there.turn(0.5)
    assert scene.link.up


def test_a_node_that_says_nothing_has_its_second_only() -> None:
    scene = Scene()
    scene.there.hung.add(("n", A))
    scene.there.moved(B)
    scene.cluster.start()
    scene.link.start()
    scene.there.turn(ASKED + 0.2)
    assert scene.ask() == b"OK"
    scene.there.turn(3 * WATCH)
    assert scene.there.asked(A, b"CLUSTER") <= 2  # it is not asked first again


def test_processes_ask_nodes_of_their_own() -> None:
    scene = Scene()
    scene.mixed = lambda nodes: nodes.sort(reverse=True)
    scene.begin()
    asked = scene.there.asked(C, b"CLUSTER")
    scene.there.turn(3 * WATCH + 0.1)
    assert scene.there.asked(C, b"CLUSTER") - asked == 6
    assert scene.there.asked(A, b"CLUSTER") == 2  # the first question


def test_nothing_is_left_once_a_cluster_is_stopped() -> None:
    scene = begun()
    scene.there.hung |= set(scene.there.nodes)
    scene.there.turn(WATCH + 0.1)  # a question is under way
    scene.link.stop()
    scene.cluster.stop()
    scene.there.turn()
    assert [call for call in scene.clock.getDelayedCalls() if call.active()] == []
