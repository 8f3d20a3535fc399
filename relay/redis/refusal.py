"""Redis' refusals of commands, in three groups by what helps.

=============  ====================================================================  =================================
group          words                                                                 what helps
=============  ====================================================================  =================================
elsewhere      a server that is not, or no longer, the one to ask                    another connection (`Elsewhere`)
later          a server that will do it once it is well again                        the same, later (`Refused.later`)
wrong          missing rights, wrong passwords, all that relay does not know         the operator (`Refused`)
=============  ====================================================================  =================================

Whatever the group, the command was not carried out.
"""

from __future__ import annotations

import re

ELSEWHERE = ("LOADING", "MASTERDOWN", "READONLY", "UNBLOCKED", "MOVED", "CLUSTERDOWN")
#: said while half of a slot's keys are elsewhere: a script must run on neither half
HALF_MOVED = ("ASK", "TRYAGAIN")
LATER = ("BUSY", "MISCONF", "NOREPLICAS", "OOM", *HALF_MOVED, "MAXCLIENTS")

_WORD = re.compile(r"[A-Z]+(?= |$)")
#: a word that stands within an error: "ERR Error running script …: -READONLY You can't write …"
_INNER = re.compile(rf"(?:^|[\s:])-?({'|'.join((*ELSEWHERE, *LATER))})\b")
_MOST = 200  # characters of what is logged


class LinkLost(Exception):
    """The connection broke while the command was under way: it may or may not have been carried out."""


class Elsewhere(LinkLost):
    """This server is not the one to ask. The command was not carried out, and the connection is given up."""


class Misplaced(Elsewhere):
    """The address is of another kind than this server, as the message says, so no connection leads to the right one."""


class Refused(Exception):
    """Redis did not carry the command out. `word` is the error's first word, `later` whether it may pass by itself."""

    def __init__(self, said: str) -> None:
        super().__init__(said[:_MOST])
        self.word = word_of(said)
        self.later = self.word in LATER


def read_refusal(said: str) -> Elsewhere | Refused:
    """An error as Redis wrote it."""
    return Elsewhere(said[:_MOST]) if word_of(said) in ELSEWHERE else Refused(said)


def says_refusal(error: BaseException | None) -> bool:
    """Whether an error is what Redis said, not what befell the connection."""
    return isinstance(error, Refused) or (isinstance(error, LinkLost) and word_of(str(error)) in ELSEWHERE)


def word_of(said: str) -> str:
    """The word that says what is wrong, "ERR" where there is none of its own."""
    first = _WORD.match(said)
    if first is not None and first[0] != "ERR":
        return first[0]
    if "max number of clients" in said:
        return "MAXCLIENTS"
    inner = _INNER.search(said)
    return inner[1] if inner else "ERR"
