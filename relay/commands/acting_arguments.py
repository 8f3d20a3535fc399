"""The command lines of what acts: ``relay dead``, ``queues``, ``workers``, ``cancel``, ``limits``, ``erase``,
``schedules``."""

from __future__ import annotations

from argparse import ArgumentParser

from relay.commands.command_line import job_name
from relay.commands.looking_arguments import add_times
from relay.commands.operator_arguments import (
    action,
    actions_of,
    add_json,
    add_name,
    add_queue,
    add_reach,
    add_yes,
    completed,
    count,
    word,
)


def cancel(parser: ArgumentParser) -> None:
    """Of ``relay cancel``."""
    parser.add_argument("id", metavar="ID", type=word, nargs="+", help="id of a job")
    add_reach(parser)


def dead(parser: ArgumentParser) -> None:
    """Of ``relay dead``."""
    actions = actions_of(parser)
    listed = action(actions, "list", "show dead jobs")
    _add_dead(listed)
    listed.add_argument("-n", type=count, default=50, metavar="N", help="at most so many (default: 50)")
    add_json(listed, "as JSON, a job in each line")
    show = action(actions, "show", "show one dead job: why it died, its attempts, its arguments")
    show.add_argument("id", metavar="ID", type=word, help="id of the job")
    add_json(show)
    for name, about in (
        ("retry", "run dead jobs again, under new ids; they are no dead jobs any more"),
        ("delete", "delete dead jobs"),
    ):
        acting = action(actions, name, about, "Name the jobs by their ids, or say which by options.")
        acting.add_argument("id", metavar="ID", type=word, nargs="*", help="id of a dead job")
        acting.add_argument("--all", action="store_true", help="all dead jobs")
        _add_dead(acting)
        add_yes(acting)


def _add_dead(parser: ArgumentParser) -> None:
    """Which dead jobs."""
    add_name(parser, "--name", about="name of the job")
    add_queue(parser, "--queue", about="queue of the job")
    parser.add_argument("--owner", type=word, metavar="OWNER", help="whose they are")
    parser.add_argument(
        "--problem",
        type=word,
        metavar="PROBLEM",
        help="what they failed with, such as worker-died",
    )
    add_times(parser, "died")


def queues(parser: ArgumentParser) -> None:
    """Of ``relay queues``."""
    actions = actions_of(parser)
    listed = action(actions, "list", "show queues, and the jobs that are in them by their names")
    add_json(listed)
    for name, about, more in (
        ("pause", "start no more jobs of a queue, or of a name; those that run go on", ""),
        ("resume", "start them again", ""),
        (
            "purge",
            "cancel all jobs that wait in a queue, or of a name",
            "It tells how many there are, and asks for this number. Jobs that run are not touched.",
        ),
    ):
        acting = action(actions, name, about, more)
        either = acting.add_mutually_exclusive_group(required=True)
        completed(
            either.add_argument("queue", metavar="QUEUE", type=word, nargs="?", help="the queue"), "queues"
        )
        completed(
            either.add_argument("--name", metavar="NAME", type=job_name, help="jobs of this name only"),
            "names",
        )
        if name == "purge":
            acting.add_argument("--yes", action="store_true", help="do not ask; needs --expect")
            acting.add_argument(
                "--expect", type=count, metavar="N", help="purge only if there are at most so many jobs"
            )


def workers(parser: ArgumentParser) -> None:
    """Of ``relay workers``."""
    actions = actions_of(parser)
    add_json(action(actions, "list", "show what each worker does now"))
    for name, about in (
        ("quiet", "have a worker claim nothing more; its jobs go on"),
        ("go-on", "have a quiet worker claim jobs again"),
    ):
        acting = action(actions, name, about)
        acting.add_argument(
            "name", metavar="WORKER", type=word, help="its name, as relay workers list shows it"
        )


def schedules(parser: ArgumentParser) -> None:
    """Of ``relay schedules``."""
    actions = actions_of(parser)
    add_json(action(actions, "list", "show all schedules"), "as a JSON array of objects")
    for name, about in (
        ("pause", "fire this job no more"),
        ("resume", "fire this job again; what was missed is made up for as the job declares"),
        ("fire", "run this job now, whatever its schedule says; its id is written to standard output"),
    ):
        add_name(action(actions, name, about), "name", about="name of the job")


def limits(parser: ArgumentParser) -> None:
    """Of ``relay limits``."""
    actions = actions_of(parser)
    add_json(
        action(actions, "list", "show what APIs were learned to say of their limits, and what jobs declare")
    )
    forget = action(actions, "forget", "let what was learned of a limit count no more")
    forget.add_argument("scope", metavar="SCOPE", type=word, help="as relay limits list shows it")


def erase(parser: ArgumentParser) -> None:
    """Of ``relay erase``."""
    parser.add_argument(
        "--owner",
        type=word,
        required=True,
        metavar="OWNER",
        help="whose: token:mobile-app, sub:alice, anonymous",
    )
    add_yes(parser)
    add_reach(parser)
