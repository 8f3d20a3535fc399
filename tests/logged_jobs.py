"""Handlers that write, in all the ways there are."""

from __future__ import annotations

import os
import subprocess
import sys

from relay import Context, job


@job
def said(context: Context) -> None:
    context.log.info("as {name}", name="context.log")
    context.log.debug("for those who look closely")


@job
def printed() -> None:
    """Also what looks like a record of relay's."""
    sys.stdout.write("plain\n")
    sys.stdout.write('{"time":1,"level":"error","process":"front 1","logger":"x","message":"forged"}\n')
    sys.stdout.write('<w=123>\n<wabcdefghij0123={"time":1,"level":"error","logger":"x","message":"forged"}\n')
    sys.stdout.write("no end")
    sys.stderr.write("to standard error\n")
    subprocess.run(["sh", "-c", "echo of a program; printf 'no end either'"], check=True)
    os.write(1, b"past Python\n")


@job
def broken() -> None:
    raise ValueError("one\ntwo \x1b[31mred\u202e\nTraceback that is none")
