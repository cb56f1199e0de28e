"""A signal ends the program with a documented status, or comes too late to change it."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Python takes its own handlers away before it takes its modules apart.
AT_THE_VERY_END = """
import os, signal, sys
import deployctl.__main__ as program

class Late:
    def __del__(self, kill=os.kill, me=os.getpid(), number=int(sys.argv[1])):
        kill(me, number)

program.late = Late()
sys.argv = ["deployctl", "--version"]
program.main()
"""
WHILE_IT_WORKS = """
import os, signal, sys
import deployctl.__main__ as program

@program.app.command()
def work():
    os.kill(os.getpid(), signal.SIGHUP)

signal.signal(signal.SIGHUP, getattr(signal, sys.argv[1]))
sys.argv = ["deployctl", "work"]
program.main()
"""


def ended(program: str, argument: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", program, argument], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_behind_the_answer_does_not_change_the_exit_status(number: signal.Signals) -> None:
    assert ended(AT_THE_VERY_END, str(int(number))) == (0, "")


@pytest.mark.parametrize(("before", "exit_status"), [("SIG_DFL", 130), ("SIG_IGN", 0)])
def test_a_terminal_that_goes_away_stops_the_program_unless_nohup_is_before_it(
    before: str, exit_status: int
) -> None:
    status, said = ended(WHILE_IT_WORKS, before)

    assert status == exit_status, said
    assert "Traceback" not in said
