"""Commands on a connection, against an SSH server in this process."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from deployctl.errors import CommandTimeoutError, HostError
from deployctl.ssh import execution
from deployctl.ssh.command import Command
from deployctl.ssh.connect import connect
from deployctl.ssh.session import Session
from tests.unit.ssh.client import host_of, shell
from tests.unit.ssh.loopback import REFUSED_COMMAND, LoopbackServer


def test_a_command_returns_its_status_and_output(session: Session) -> None:
    done = session.run(shell("echo out; echo err >&2; exit 3"), timeout=10)

    assert (done.exit_status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_standard_input_is_empty_without_on_line(session: Session) -> None:
    assert session.run(shell("cat; echo end"), timeout=10).stdout == b"end\n"


def test_a_command_gets_what_it_is_given_and_then_the_end(session: Session) -> None:
    secret = 16 * 1024 * b"x"

    done = session.run(Command(("sh", "-c", "wc -c; echo ended"), stdin=secret), timeout=10)

    assert done.stdout.split() == [b"16384", b"ended"]


def test_what_a_command_is_given_comes_before_the_answers(session: Session) -> None:
    asking = Command(
        ("sh", "-c", "echo ready; read -r one; read -r two; echo $one $two"), stdin=b"1\n"
    )

    done = session.run(
        asking, timeout=10, on_line=lambda line: b"2\n" if line == b"ready" else None
    )

    assert done.stdout == b"ready\n1 2\n"


def test_who_only_listens_leaves_the_input_at_what_the_command_is_given(session: Session) -> None:
    lines: list[bytes] = []

    def answer(line: bytes) -> bytes:
        lines.append(line)
        return b"never sent\n"

    command = Command(("sh", "-c", "echo go; cat; echo end"), stdin=b"secret\n")
    done = session.run(command, timeout=10, on_line=answer, answers=False)

    assert lines == [b"go", b"secret", b"end"]
    assert done.stdout == b"go\nsecret\nend\n"


def test_lines_are_passed_on_as_they_come_and_answers_are_sent(session: Session) -> None:
    lines: list[bytes] = []

    def answer(line: bytes) -> bytes | None:
        lines.append(line)
        return b"blue\n" if line == b"colour?" else None

    done = session.run(
        shell("echo colour?; read c; printf 'it is %s\\nnot a line' $c"),
        timeout=10,
        on_line=answer,
    )

    assert lines == [b"colour?", b"it is blue"]
    assert done.stdout == b"colour?\nit is blue\nnot a line"


def test_a_character_split_between_packets_stays_whole(session: Session) -> None:
    lines: list[bytes] = []
    session.run(
        shell("printf 'gr\\303'; sleep 0.2; printf '\\274n\\n'"), timeout=10, on_line=lines.append
    )
    assert lines == ["grün".encode()]


def test_a_signal_gives_the_status_of_a_shell(session: Session) -> None:
    done = session.run(shell("echo before; kill -9 $$"), timeout=10)

    assert (done.exit_status, done.stdout) == (128 + 9, b"before\n")


def test_output_is_kept_up_to_a_limit_and_read_to_its_end(session: Session) -> None:
    script = "head -c 9000000 /dev/zero; head -c 100000 /dev/zero >&2; echo end >&2; exit 5"
    done = session.run(shell(script), timeout=30)

    assert done.exit_status == 5
    assert len(done.stdout) == execution.MAX_STDOUT
    assert len(done.stderr) == execution.MAX_STDERR
    assert done.stderr.endswith(b"\0end\n")


def test_much_on_standard_error_alone_does_not_block(session: Session) -> None:
    done = session.run(shell("head -c 5000000 /dev/zero >&2; echo done"), timeout=30)

    assert done.stdout == b"done\n"


def test_a_command_that_takes_too_long_is_given_up(session: Session) -> None:
    started = time.monotonic()
    with pytest.raises(CommandTimeoutError) as caught:
        session.run(shell("sleep 60"), timeout=0.5)

    assert caught.value.code == "command-timeout"
    assert time.monotonic() - started < 30
    assert session.run(shell("echo still here"), timeout=10).stdout == b"still here\n"


def test_a_command_that_never_reads_its_input_is_given_up(session: Session) -> None:
    def flood(_: bytes) -> bytes:
        return bytes(8_000_000)

    with pytest.raises(CommandTimeoutError):
        session.run(shell("echo go; sleep 60"), timeout=1, on_line=flood)


def test_an_answer_to_a_command_that_has_ended_is_dropped(session: Session) -> None:
    done = session.run(
        shell("echo q; exec <&-; exit 4"), timeout=10, on_line=lambda _: bytes(3_000_000)
    )
    assert done.exit_status == 4


def test_an_error_in_on_line_comes_through(session: Session) -> None:
    def fail(_: bytes) -> None:
        raise OSError("not the network")

    with pytest.raises(OSError, match="not the network"):
        session.run(shell("echo x"), timeout=10, on_line=fail)
    assert session.run(shell("true"), timeout=10).ok


def test_a_background_process_that_holds_the_output_does_not_keep_us(session: Session) -> None:
    started = time.monotonic()
    done = session.run(shell("sleep 60 & echo done; exit 7"), timeout=30)

    assert (done.exit_status, done.stdout) == (7, b"done\n")
    assert time.monotonic() - started < 15


def test_a_refused_command_is_no_lost_connection(session: Session) -> None:
    with pytest.raises(HostError) as caught:
        session.run(shell(REFUSED_COMMAND), timeout=10)

    assert caught.value.code == "session-refused"
    assert session.run(shell("true"), timeout=10).ok


def test_a_host_that_allows_one_channel_at_a_time_is_enough(server: LoopbackServer) -> None:
    server.behaviour.max_channels = 1
    with connect(host_of(server)) as session:
        outputs = [session.run(shell(f"echo {n}"), timeout=10).stdout for n in range(3)]

    assert outputs == [b"0\n", b"1\n", b"2\n"]


def test_a_host_that_opens_no_channel_says_so(server: LoopbackServer) -> None:
    server.behaviour.max_channels = 0
    with connect(host_of(server)) as session, pytest.raises(HostError) as caught:
        session.run(shell("true"), timeout=10)

    assert caught.value.code == "session-refused"


def test_ctrl_c_interrupts_at_once(session: Session) -> None:
    def interrupt(_: bytes) -> None:
        signal.raise_signal(signal.SIGINT)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        session.run(shell("echo x; sleep 60"), timeout=60, on_line=interrupt)
    later = threading.Timer(0.3, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    later.start()
    with pytest.raises(KeyboardInterrupt):
        session.run(shell("sleep 60"), timeout=60)
    assert time.monotonic() - started < 30
