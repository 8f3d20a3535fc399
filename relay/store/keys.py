"""The Redis schema, written once. Scripts get their keys from here, and only from here.

Every key starts with the hash tag of its partition, so that a partition lives in one slot.

============  ======  ======================================================================================
key           type    content
============  ======  ======================================================================================
never         —       never exists; declared by every script with `epoch`, so that a resharding stops it before it writes
epoch         string  a random name of the data set: another one means that history may have been lost
server        string  which run of which server the epoch was made for
seq           string  raised for every place in a queue: order of arrival
job           hash    id → created, deadline (13 digits each), `relay.state.Job` as MessagePack; live jobs only
delay         zset    id, by the time at which it is due (delayed, or backing off)
deadline      zset    id, by the latest time to start; only jobs that have one and are not running
run           hash    id → ``session turn started attempt score``: **the fence**, only its holder may finish
session       zset    session (``<inbox>.<n>``), by the end of its lease
turn          hash    session → last turn's number, then the ids that it claimed
tries         hash    id → attempts that have ended without an outcome; sparse
crash         hash    id → the sessions that died under it, joined by spaces; sparse
trial         hash    session → `tries` (a suspected job, and nothing else) or `empties` (itself, to try one)
wait          hash    id → further inboxes that attached, joined by spaces; sparse
left          hash    id → inboxes whose clients went away and want it cancelled; sparse
progress      hash    id → last progress, JSON; sparse
serve         hash    job name → how fronts check and queue it, JSON
rate          hash    limit's name → ``calls window``, as declared
served        zset    job name, by the time until which a worker has promised to be there
catalogue     string  raised whenever `serve` changes
queues        set     every queue that a session took from
swept, quiet  string  when somebody last swept · until when nobody is reaped by its lease
dead          zset    id of a dead letter, by when it died
letter        hash    id → time, cause, job, and `crash` of a dead letter, MessagePack
============  ======  ======================================================================================

Families, one key for each name:

=============  ======  ======================================================================================
ready:queue    zset    id, by -priority·2⁴⁵ + seq: first come, first served within a priority
lane:queue:l   zset    the same of jobs in a lane: those that one limit lets go no faster than it allows
lanes:queue    zset    lane with jobs, by when it is to be looked at
log:scope      zset    what went under a limit, by when
allow:scope    hash    what an API was learned to say: ``calls``, ``window``, ``until`` (nobody goes before); expires
suspect:queue  zset    the same of jobs whose workers died under them often: run alone
idle:queue     hash    session → free places, of sessions that found too little work
inbox:name     stream  what a process is told: fields are job ids (``-`` for none), values a letter and data:
                       ``o`` outcome · ``r`` outcome, too large to carry · ``c`` cancel · ``w`` wake
result:id      string  the outcome, MessagePack; expires
idem:digest    string  ``id fingerprint``; expires with its outcome
=============  ======  ======================================================================================
"""

from __future__ import annotations

FIXED = (
    "never",
    "epoch",
    "server",
    "seq",
    "job",
    "delay",
    "deadline",
    "run",
    "session",
    "turn",
    "tries",
    "crash",
    "trial",
    "wait",
    "left",
    "progress",
    "serve",
    "rate",
    "served",
    "catalogue",
    "queues",
    "swept",
    "quiet",
    "dead",
    "letter",
)


class Keys:
    """The names of one partition's keys."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        self.tag = f"{{r{partition}}}:"
        #: what every script declares. Two keys, for one alone would let a client that follows ASK run a script on half the
        #: data in the middle of a resharding: with two of which one is missing, both sides refuse.
        self.declared = (self.tag + "never", self.tag + "epoch")

    def inbox(self, name: str) -> str:
        return f"{self.tag}inbox:{name}"

    def result(self, id: str) -> str:
        return f"{self.tag}result:{id}"

    def idem(self, digest: str) -> str:
        return f"{self.tag}idem:{digest}"
