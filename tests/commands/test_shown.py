"""What commands show a person, made of given values."""

from __future__ import annotations

import io

import pytest
from rich.console import RenderableType

from relay.commands import tables
from relay.commands.jobs_shown import job_page, job_table
from relay.commands.queues_shown import name_table, queue_table
from relay.commands.schedule_list import schedule_table
from relay.commands.status_shown import status_parts
from relay.commands.tables import Column, Listing, age, duration, moment, size
from relay.commands.top_shown import Look, top_parts
from relay.commands.workers_shown import running_table, worker_table
from relay.operations.figures import Failing, JobFigures, Slowness, Upstream
from relay.operations.judging import judge
from relay.operations.seen import (
    AttemptStatus,
    JobDetail,
    JobRow,
    QueueStatus,
    RunningJob,
    ScheduleRow,
)
from tests.operations.seen_values import FRONT, MAIL, NOW, REDIS, WORKER, ago, overview, with_

ROW = JobRow(
    "0-k7abc-q3de-1",
    "mail",
    "default",
    "token:mobile-app",
    "failed",
    ago(60),
    ago(50),
    ago(40),
    2,
    "timed-out",
)
BUSY = overview(
    with_(MAIL, waiting=1234, oldest=ago(40), running=12),
    with_(MAIL, name="scan", queue="slow", waiting=3, oldest=ago(400), served=False),
)
CALLS = Upstream("api.example", 22, 14.0, 0.3, 0.085)
FIGURES = JobFigures({"mail": Slowness(2.5, 0.31)}, [Failing("mail", "timed-out", 31, 4000)], [CALLS])


class Terminal(io.StringIO):
    """A terminal of so many columns."""

    def isatty(self) -> bool:
        return True


def plain(*parts: RenderableType) -> list[str]:
    """The lines that go into a pipe."""
    pipe = io.StringIO()
    tables.show(*parts, file=pipe)
    return pipe.getvalue().splitlines()


def test_a_pipe_gets_whole_plain_lines() -> None:
    long = with_(ROW, problem="p" * 300, name="n" * 64)
    lines = plain(job_table([ROW, long], NOW))
    assert lines[0].split() == ["id", "name", "queue", "owner", "state", "age", "took", "attempts", "problem"]
    row = "0-k7abc-q3de-1 mail default token:mobile-app failed 1 min 10 s 2 timed-out"
    assert lines[1].split() == row.split(" ")
    assert lines[2].endswith("p" * 300)
    assert "n" * 64 in lines[2]
    assert len(lines) == 3
    assert not any("\x1b" in line or line != line.rstrip() for line in lines)


def test_a_terminal_gets_lines_as_wide_as_it_is_with_ids_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    tables.show(job_table([ROW, with_(ROW, problem="p" * 300)], NOW), file=terminal)
    shown = terminal.getvalue()
    assert "\x1b[31m" not in shown
    assert shown.count(ROW.id) == 2
    lines = [line for line in shown.splitlines()[1:] if line]
    assert all(len(line) <= 60 for line in lines)
    assert lines[1].rstrip().endswith("…")


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    tables.show(job_table([ROW], NOW), file=terminal)
    assert "\x1b[31mfailed" in terminal.getvalue()


def test_text_of_jobs_moves_no_cursor_and_is_no_markup() -> None:
    evil = with_(ROW, name="[red]a\x1b[2J\nb[/red]")
    assert r"[red]a\x1b[2J\nb[/red]" in plain(job_table([evil], NOW))[1]
    detail = JobDetail(evil, {"progress": {"message": "\x1b]0;x\x07"}}, [], arguments='{"a": "[bold]"}')
    text = "\n".join(plain(*job_page(detail, NOW)))
    assert "\x1b" not in text
    assert "[bold]" in text


def test_a_job_is_shown_with_all_that_is_known() -> None:
    attempts = [
        AttemptStatus(1, "retried", ago(50), ago(48), "timed-out", "worker-1"),
        AttemptStatus(2, "running", ago(44), 0, "", "worker-1"),
    ]
    row = with_(ROW, state="running", finished=0, problem="")
    detail = JobDetail(
        row,
        {"progress": {"fraction": 0.5}},
        attempts,
        arguments='{"to":"a"}',
        arguments_cut=True,
        most_attempts=3,
        process="worker-1",
        parent="0-k7abc-q3de-0",
        children=("c1", "c2"),
        waiters=("front-1",),
    )
    text = "\n".join(plain(*job_page(detail, NOW)))
    for said in (
        "0-k7abc-q3de-1  mail  running",
        "attempts    2 of 3",
        "children    c1, c2",
        "awaited by  front-1",
        "1  retried  2026-09-21T14:12:30.000Z  2.0 s  timed-out  worker-1",
        "2  running  2026-09-21T14:12:36.000Z   44 s  -          worker-1",
        "arguments (cut off)",
        '"fraction": 0.5',
        "grep 0-k7abc-q3de-1",
    ):
        assert said in text, text
    assert "why it waits" not in text  # what is not known is not shown


def test_of_a_job_that_has_failed_is_said_why_in_words_and_that_its_arguments_are_gone() -> None:
    error = {
        "type": "/problems/job-failed",
        "title": "The job failed",
        "detail": "Its handler raised an error",
    }
    text = "\n".join(plain(*job_page(JobDetail(with_(ROW, problem="job-failed"), {"error": error}, []), NOW)))
    for said in (
        "problem    job-failed: The job failed",
        "detail     Its handler raised an error",
        "exception  in the log of its worker",
        "arguments are no longer kept",
    ):
        assert said in text, text
    dead = JobDetail(with_(ROW, state="dead", problem="worker-died"), {}, [], arguments='{"to":"a"}')
    text = "\n".join(plain(*job_page(dead, NOW)))
    assert '{"to":"a"}' in text
    assert "no longer kept" not in text


def test_attempts_that_are_more_than_allowed_are_explained() -> None:
    attempts = [AttemptStatus(number, "died", ago(50), ago(48)) for number in (1, 2, 3)]
    attempts.append(AttemptStatus(4, "failed", ago(30), ago(29), "worker-died"))
    detail = JobDetail(with_(ROW, attempts=4), {}, attempts, most_attempts=2)
    text = "\n".join(plain(*job_page(detail, NOW)))
    assert "4 of 2; 4 of them died with their worker, after which a job runs again" in text
    given = AttemptStatus(1, "given back", ago(50), ago(48))
    text = "\n".join(plain(*job_page(with_(detail, attempts=[given]), NOW)))
    assert "besides 1 that counted as none (postponed, or given back" in text


def test_a_long_result_is_cut_and_said_to_be() -> None:
    detail = JobDetail(with_(ROW, state="succeeded"), {"result": list(range(100))}, [])
    lines = plain(*job_page(detail, NOW))
    assert "… 42 more lines: --json shows all" in lines
    assert "  57," in lines
    assert "  60," not in lines


def test_why_a_job_waits_is_said() -> None:
    waiting = JobDetail(with_(ROW, state="queued"), {}, [], why_waiting="no worker serves it", position=7)
    text = "\n".join(plain(*job_page(waiting, NOW)))
    assert "why it waits       no worker serves it" in text
    assert "place in its line  7" in text


def test_what_has_waited_longest_stands_first() -> None:
    assert [line.split()[0] for line in plain(queue_table(BUSY))] == ["queue", "slow", "default"]
    _, scan, mail = plain(name_table(BUSY))
    assert scan.split() == ["scan", "slow", "3", "6", "min", "40", "s", "-", "-", "-", "not", "served"]
    assert mail.split() == ["mail", "default", "1,234", "40", "s", "12", "-", "-", "on"]


def test_what_is_paused_or_behind_a_limit_is_said() -> None:
    now = overview(with_(MAIL, waiting=2, paused=ago(9)), with_(MAIL, name="scan", waiting=2, limited=2))
    assert [line.split(maxsplit=7)[-1] for line in plain(name_table(now))[1:]] == [
        "paused",
        "2 behind a limit",
    ]
    stopped = with_(now, queues=[QueueStatus("default", ("mail",), paused=ago(9))])
    assert plain(queue_table(stopped))[1].endswith("paused")


def test_status_says_first_what_is_wrong_and_what_to_do() -> None:
    lines = plain(*status_parts(BUSY, FIGURES, judge(BUSY)))
    assert lines[0] == "2 things are wrong."
    assert lines[1] == "bad: 3 jobs of scan wait, and no worker serves it"
    assert lines[2].startswith("    → the workers that run do not have it")
    text = "\n".join(lines)
    assert "jobs: 1,237 waiting, 12 running" in text
    assert "requests: 3 held, the oldest for 12 s" in text
    assert "mail  default    1,234        40 s       12     2.5 s   310 ms  on" in text
    assert "mail  timed-out     31            0.8 %" in text
    assert "api.example           22    14 s      0.3  85 ms" in text
    assert "worker 1  worker-1  web1  runs 2 of 200" in text
    assert lines[-1].startswith("Redis 8.0, up 1 h, 5.0 MiB of 1.0 GiB, aof")


def test_status_says_that_all_is_well() -> None:
    now = overview(MAIL)
    assert plain(*status_parts(now, JobFigures({}, []), judge(now)))[0] == "All is well."


def test_status_of_a_relay_without_redis_is_still_a_screen() -> None:
    away = overview(processes=[], store=with_(REDIS, reached=False))
    lines = plain(*status_parts(away, JobFigures({}, []), judge(away)))
    assert lines[0] == "1 thing is wrong."
    assert lines[-1] == "Redis does not answer"
    assert "jobs:" not in " ".join(lines)


def test_workers_are_shown_with_what_they_run() -> None:
    silent = with_(WORKER, name="worker-2", title="worker 2", seen=ago(20), queues=("mail", "slow"))
    _, one, two = plain(worker_table([with_(WORKER, quiet=True), silent], NOW))
    assert one.split()[:9] == ["worker-1", "worker", "1", "web1", "7", "2", "of", "200", "all"]
    assert "quiet" in one
    assert "mail,slow" in two
    assert "silent for 20 s" in two
    running = [
        RunningJob("a", "mail", "worker-1", 1, ago(12), '{"fraction":0.5}'),
        RunningJob("b", "mail", "gone", 2, ago(1), cancelled=True),
    ]
    _, first, second = plain(running_table(running, BUSY))
    assert first.split() == ["worker", "1", "a", "mail", "1", "12", "s", '{"fraction":0.5}']
    assert second.split() == ["gone", "b", "mail", "2", "1.0", "s", "told", "to", "stop"]


def test_top_fits_into_its_screen() -> None:
    names = [with_(MAIL, name=f"job_{n}", waiting=1, oldest=ago(n)) for n in range(50)]
    running = [RunningJob(f"id{n}", "mail", "worker-1", 1, ago(n)) for n in range(50)]
    now = overview(*names)
    rates = {"relay_attempts_total": {("mail", "succeeded"): 12.0, ("mail", "failed"): 1.0}}
    for height in (24, 40):
        lines = plain(*top_parts(Look(now, FIGURES, judge(now), running, rates), height))
        assert len(lines) <= height
        assert any("attempts ended 13.0" in line for line in lines)
        assert any("job_49" in line for line in lines)  # which waits longest


def test_schedules_are_shown_in_their_time_zone() -> None:
    row = ScheduleRow(
        "night", "0 3 * * * (Europe/Berlin)", due=NOW, catch_up="last", timezone="Europe/Berlin", served=True
    )
    _, first, second = plain(
        schedule_table([row, with_(row, timezone="Mars/Base", served=False, paused=ago(1))])
    )
    assert "on" in first.split()
    assert "2026-09-21T16:13:20+02:00" in first
    assert "2026-09-21T14:13:20+00:00" in second
    assert "not served" in second


def test_front_and_worker_say_what_they_do() -> None:
    lines = plain(*status_parts(overview(processes=[WORKER, FRONT]), JobFigures({}, []), []))
    does = [line for line in lines if "holds" in line or "runs" in line]
    assert "holds 3" in does[0]
    assert "runs 2 of 200" in does[1]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 ms"),
        (0.85, "850 ms"),
        (0.9996, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (400, "6 min 40 s"),
        (700, "11 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
        (-3, "0 ms"),
    ],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_times_and_sizes_are_said_as_people_say_them() -> None:
    assert age(0, NOW) == "-"
    assert age(NOW + 500, NOW) == "0 ms"  # clocks differ
    assert moment(0) == "-"
    assert moment(NOW) == "2026-09-21T14:13:20.000Z"
    assert [size(count) for count in (0, 1023, 1536, 200 << 10, 5 << 40)] == [
        *("0 B", "1023 B", "1.5 KiB", "200 KiB", "5.0 TiB"),
    ]


def test_a_table_without_rows_is_its_head() -> None:
    assert plain(Listing((Column("name"), Column("count", number=True)), [])) == ["name  count"]
