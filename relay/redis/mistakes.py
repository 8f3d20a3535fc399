"""Addresses that lead to servers of another kind than they say, which is seen by what these answer."""

from __future__ import annotations

from relay.redis.address import Address, shown_host
from relay.redis.refusal import word_of

SENTINEL = "it is a Sentinel: write redis+sentinel://host:port,host:port/name"
_OF_CLUSTER = ("MOVED", "CLUSTERDOWN")  # which only nodes of a Cluster say
_ELSE = "write redis://host:port for a server"
_NO_SENTINEL = f"it is not a Sentinel: {_ELSE}, redis+cluster://host:port for a Cluster"
_NO_NODE = f"it is not a node of a Cluster: {_ELSE}, redis+sentinel://host:port/name for Sentinels"


def mistake(address: Address, said: str) -> str:
    """What is wrong with an address one of whose servers refuses in these words; "" where nothing is known to be.

    A node of a Cluster that has all of relay's keys answers as a server by itself does, until a slot moves.
    """
    if address.kind == "sentinel":
        return no_sentinel(said)
    if address.kind == "cluster":
        return no_node(said)
    if word_of(said) in _OF_CLUSTER or "cluster mode" in said:
        return f"it is a node of a Cluster: write {_as_cluster(address)}"
    return SENTINEL if _knows_no("select", said) else ""


def no_sentinel(said: str) -> str:
    """The same of what is asked as a Sentinel."""
    return _NO_SENTINEL if _knows_no("sentinel", said) else ""


def no_node(said: str) -> str:
    """The same of what is asked as a node of a Cluster."""
    return _NO_NODE if "cluster support disabled" in said or _knows_no("cluster", said) else ""


def _knows_no(command: str, said: str) -> bool:
    return f"unknown command '{command}'" in said.lower()


def _as_cluster(address: Address) -> str:
    if address.scheme == "unix":
        return "redis+cluster://host:port"
    return f"{address.scheme}+cluster://{shown_host(address.host, address.port)}"
