"""The Redis schema, written once. Scripts get their keys from here, and only from here.

Every key starts with the hash tag of its partition, so that a partition lives in one slot: ``{r0}:`` where a store has
one, ``{NAME.rI.K}:`` in general (see `_tagged`).

============  ======  ======================================================================================
key           type    content
============  ======  ======================================================================================
never         —       never exists; declared by every script, as `epoch` is: a resharding stops it before it writes
epoch         string  a random name of the data set: another one means that history may have been lost
layout        string  how these keys are laid out, and behind a ``/`` how many partitions the store has, if several: a
                      process that was told otherwise refuses them, and so does another version of relay
server        string  which run of which server the epoch was made for
queues        set     nothing writes it: where it exists, the data set belongs to the first version
renewed       string  when the epoch was made
seq           string  raised by every script that writes, and for every place in line: the order of arrival
job           hash    id → created, deadline (13 digits each), `relay.model.job.Job` as MessagePack; live jobs only
bytes         string  of all live jobs and their checkpoints
alive         hash    caller → its live jobs, of callers that may only have so many
delay         zset    id, by the time at which it is due (delayed, or backing off)
later         hash    job name → how many of its jobs are in `delay`; sparse
deadline      zset    id, by the latest time to start; only jobs that have one and are not running
heads         zset    job name, by the first place in its lines: see ``lua/places.lua``
shut          zset    ``name lane`` of a lane whose limit lets nothing go now, by when it is to be looked at
suspects      zset    job name with suspected jobs, by the first place of them
run           hash    id → ``session turn started attempt place name``: **the fence**, only its holder may finish
session       zset    session (``<inbox>.<n>``), by the end of its lease
turn          hash    session → last turn's number, the session's roster, the ids that the turn claimed
roster        hash    session → ``name=mark`` of each job it serves, between spaces; their digest is called roster, too
closing       hash    session that was closed and holds jobs that did not go back yet → `left` or `crashed`
tries         hash    id → attempts that have ended without an outcome; sparse
uncounted     hash    id → starts that used up no attempt (given back, postponed); sparse
crash         hash    id → the sessions that died under it, joined by spaces; sparse
history       hash    id → its attempts that have ended without an outcome, MessagePack: see ``lua/history.lua``; sparse
cancel        hash    id of a running job that somebody cancelled; sparse
trial         hash    session → `tries` (a suspected job, nothing else) or `empties` (itself, to try one), since when
rest          hash    session → until when it tries no suspect; sparse
ending        hash    id of a durable job that has ended, which is not told yet → how: ``lua/aside.lua``; sparse
untold        zset    the same, by when
marked        string  when somebody last wanted to know that what was written is durable
wait          hash    id → further inboxes that attached, joined by spaces; sparse
left          hash    id → inboxes whose clients went away and want it cancelled; sparse
listen        hash    id of a live job → inboxes that hear how it goes on, joined by spaces; sparse
logged        hash    id of a live job → bytes of what it has put out, how many pieces, place of the last; sparse
progress      hash    id → last progress, JSON; sparse
checkpoint    hash    id → what the next attempt is given, JSON; sparse
parents       hash    id of a live job with sub-jobs that live and are not detached; sparse
orphans       zset    id of a job that ended otherwise than well and has such sub-jobs: they are being cancelled
abroad        zset    id of a job of another partition that has such sub-jobs here, by when it is looked at; sparse
serve         hash    job name → how fronts check and queue it, JSON: the newest declaration
declared      hash    job name → ``mark since until`` of the declaration that counts: see ``lua/publish.lua``
rate          hash    limit's name → ``calls window most``, as declared
learned       zset    scope of which a limit was learned, by when that is forgotten
schedule      hash    job name → ``due schedule``: its next firing (ms), and the schedule (JSON) that this was told by
paused        hash    job name → since when (ms) its schedule is paused; sparse
fired         hash    job name → ``time id``: its last firing (ms), and the job of that
stopped       hash    ``name NAME`` or ``queue QUEUE`` of which nothing begins → since when (ms); sparse
queueof       hash    job name → its queue, as the declaration says that counts
served        zset    job name, by the time until which a worker has promised to be there
catalogue     string  raised whenever `serve` changes
swept, quiet  string  when somebody last swept · until when nobody is reaped by its lease
sweeper       string  the process that swept last
terms         string  what fronts and workers have agreed on (`relay.store.terms`), for operators to act by
process       hash    process → what it told of itself last, which no script reads
seen          zset    process, by when it did
dead          zset    id of a dead job, by when it died
letter        hash    id → time, cause, job, deaths, and whether its arguments were cut, of a dead job, MessagePack
lettersize    hash    id → bytes of a dead job, roughly
lettername    hash    id → name of a dead job
graves        hash    job name → how many of its jobs are dead; sparse
buried        string  bytes of all dead jobs
============  ======  ======================================================================================

Families, one key for each name:

=============  ======  ======================================================================================
ready:name     zset    id, by -priority·2⁴⁵ + seq: first come, first served within a priority
lane:name:l    zset    the same of jobs in a lane: those that one limit lets go no faster than it allows
lanes:name     zset    open lane, by its first place
suspect:name   zset    the same of jobs whose workers died under them often: run alone
fair:name      zset    ``priority owner``, by the last place that it got in this line: see ``lua/fair.lua``; expires
fair:name:l    zset    the same of a lane
takers:name    zset    roster that has the name, by the time until which a session with it has promised to be there
promise:roster string  when the worker began to publish that did so last, of those with this roster; expires in 2 s
idle:roster    hash    session → free places, of those that found too little work (and until when it may be handed some)
children:id    zset    a job's sub-jobs that live, are not detached, and were not told to stop with it; one score
held:session   zset    ids that the session runs, all with the same score
blame:session  string  id of the job that is to blame for the session's death, its neighbours are not; expires
busy:lane      zset    ids of a lane's jobs that run, of a lane that lets only so many run at once
log:scope      zset    what went under a limit, by when
pace:caller    string  until when (ms) what a caller has submitted lasts, at its rate; expires
allow:scope    hash    what an API was learned to say: ``calls``, ``window``, ``until`` (nobody goes before); expires
inbox:name     stream  what a process is told: fields are job ids (``-`` for none), values a letter and data: see
                       `relay.store.mail.MailKind`
pieces:id      stream  what a job has put out, an entry for each piece: see ``lua/logs.lua``; expires with its outcome
cut:id         string  place of the last piece of that which is kept no more; expires with it
result:id      string  the outcome, MessagePack; expires
idem:digest    string  ``id fingerprint``; expires with its outcome, or in a day
one:digest     string  id of the live job that does what others ask for (`Job.unique`), or whose outcome they get
=============  ======  ======================================================================================
"""

from __future__ import annotations

from itertools import chain, count

from relay.redis.slots import SLOTS, slot_of

FIXED = (
    *("never", "epoch", "layout", "server", "queues", "renewed", "seq"),
    *("job", "bytes", "alive", "delay", "later", "deadline", "heads", "shut", "suspects"),
    *("run", "session", "turn", "roster", "closing"),
    *(
        "tries",
        "uncounted",
        "crash",
        "history",
        "cancel",
        "trial",
        "rest",
        "wait",
        "left",
        "listen",
        "logged",
        "progress",
        "checkpoint",
    ),
    *("parents", "orphans", "abroad", "ending", "untold", "marked"),
    *("serve", "declared", "rate", "learned", "served", "catalogue", "schedule", "paused", "fired"),
    *("stopped", "queueof", "terms", "process", "seen"),
    *("swept", "sweeper", "quiet", "dead", "letter", "lettersize", "lettername", "graves", "buried"),
)
#: what stands in front of the names
FAMILIES = (
    *("ready", "lane", "lanes", "suspect", "fair", "takers", "promise", "idle"),
    *("children", "held", "blame", "busy", "log", "pace", "allow"),
    *("inbox", "pieces", "cut", "result", "idem", "one"),
)


class Keys:
    """The names of one partition's keys: of the first one of a store unless it is told otherwise."""

    def __init__(self, partition: int = 0, partitions: int = 1, name: str = "") -> None:
        """`partition`: its number among so many · `name`: of the store, "" for one without."""
        self.partition = partition
        self.partitions = partitions
        self.tag = f"{{{_tagged(partition, partitions, name)}}}:"
        #: What every script declares. With one key a client that follows ASK runs a script on half the data in the
        #: middle of a resharding. With two, of which one is missing, both sides refuse.
        self.declared = (self.tag + "never", self.tag + "epoch")

    @property
    def terms(self) -> str:
        return self.tag + "terms"

    @property
    def layout(self) -> str:
        return self.tag + "layout"

    def inbox(self, name: str) -> str:
        return f"{self.tag}inbox:{name}"

    def result(self, id: str) -> str:
        return f"{self.tag}result:{id}"

    def idem(self, digest: str) -> str:
        return f"{self.tag}idem:{digest}"

    def children(self, id: str) -> str:
        return f"{self.tag}children:{id}"


def _tagged(partition: int, partitions: int, name: str) -> str:
    """The hash tag of a partition. The first one has the same whatever their number is, so that whoever knows the
    store's name finds out how many there are. The others lie in shares of the slots of their own, each as large as the
    next, so that they lie evenly over the masters of a Cluster."""
    first = f"{name}.r0" if name else "r0"
    if not partition:
        return first
    share = (slot_of(first) * partitions // SLOTS + partition) % partitions
    base = f"{name}.r{partition}" if name else f"r{partition}"
    tags = chain((base,), (f"{base}.{k}" for k in count()))
    return next(tag for tag in tags if slot_of(tag) * partitions // SLOTS == share)
