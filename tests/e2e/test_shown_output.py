"""What people see: on a terminal of 80 columns, and in a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from tests.e2e.client import SERVICE, Client
from tests.e2e.steps import Standing, deploy, rollback
from tests.thorough import thorough
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD
from tests.vps.world import Vps

COLUMNS = 80
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][0-9A-B])")
NUMBERS = re.compile(r"\d+(\.\d+)? s\b")


def on_a_terminal(client: Client, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run deployctl on a terminal; return its exit status and all that it wrote there."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "deployctl", *arguments],
        cwd=client.directory,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(client.directory),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "DEPLOYCTL_INVENTORY": str(client.inventory),
            **environment,
        },
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    written = b""
    while chunk := _read(leader):
        written += chunk
    os.close(leader)
    return process.wait(timeout=60), written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody has the other end open any more
        return b""


def plain(written: str) -> list[str]:
    """The lines of a terminal's output without escapes, as they were last drawn."""
    text = ESCAPES.sub("", written).replace("\r\n", "\n")
    return [line.rsplit("\r", 1)[-1] for line in text.splitlines()]


def test_a_change_is_shown_step_by_step_and_summed_up_in_one_line(ready: Client, vps: Vps) -> None:
    first = deploy(ready, vps, GOOD[0])
    deploy(ready, vps, GOOD[1])
    back = rollback(ready, vps, GOOD[0])

    steps = [NUMBERS.sub("N s", " ".join(line.split())) for line in first.stderr.splitlines()]
    assert steps == [
        "vps: ✓ connect N s",
        "vps: ✓ look at the host N s",
        f"vps: ✓ fetch the image N s {GOOD[0].image}",
        "vps: ✓ set the tag N s",
        "vps: ✓ recreate the service N s",
        "vps: ✓ wait until healthy N s",
    ]
    assert NUMBERS.sub("N s", first.stdout).splitlines()[0] == (
        f"vps: {SERVICE} runs {GOOD[0].tag} (nothing ran before), healthy, N s"
    )
    assert NUMBERS.sub("N s", back.stdout).splitlines()[0] == (
        f"vps: {SERVICE} runs {GOOD[0].tag} again (was {GOOD[1].tag}), healthy, N s"
    )
    assert "\x1b" not in first.text


def test_a_failure_shows_the_last_words_of_the_container_and_what_to_do_next(
    deployed: Client,
) -> None:
    status, written = on_a_terminal(deployed, "deploy", SERVICE, EXITS_AT_ONCE.tag)

    assert status == 6
    lines = plain(written)
    assert "  | FATAL: DATABASE_URL is not set" in lines
    assert any(re.match(r"✓ put the old release back", line) for line in lines)
    (error,) = [n for n, line in enumerate(lines) if line.startswith("error: ")]
    (state,) = [n for n, line in enumerate(lines) if line.startswith("state: ")]
    (what_next,) = [n for n, line in enumerate(lines) if line.startswith("next: ")]
    assert error < state < what_next
    assert f"{GOOD[0].tag} is back and healthy" in lines[state]
    # The cursor was hidden while something moved, and is there again.
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


@pytest.mark.parametrize("command", ["history", thorough("status")])
def test_a_table_fits_a_terminal_and_is_complete_in_a_pipe(
    standing: Standing, command: str
) -> None:
    status, written = on_a_terminal(standing.client, command)
    piped = standing.client.run(command)

    assert (status, piped.exit_status) == (0, 0)
    shown = plain(written)
    assert all(len(line) <= COLUMNS for line in shown), written
    assert GOOD[2].tag in written
    assert "\x1b[" in written
    assert "\x1b" not in piped.stdout
    assert piped.stderr == ""
    assert "…" not in piped.stdout
    assert re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", piped.stdout)


def test_colour_follows_the_conventions(standing: Standing) -> None:
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        status, written = on_a_terminal(standing.client, "status", **environment)

        assert status == 0
        assert not re.search(r"\x1b\[[0-9;]*m", written), environment


def test_a_reader_that_goes_away_is_no_error(standing: Standing) -> None:
    command = f"{sys.executable} -m deployctl history -i {standing.client.inventory} | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env={"PATH": os.environ["PATH"], "HOME": str(standing.client.directory)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("WHEN")
    assert done.stderr == ""
