"""Connections to real OpenSSH servers, over working, failing and hostile ways."""

from __future__ import annotations

import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from deployctl.errors import CommandTimeoutError, ConnectionLostError, HostError
from deployctl.inventory import Host, Jump, PinnedKey, checks
from deployctl.ssh import execution
from deployctl.ssh.command import Command
from deployctl.ssh.connect import connect
from tests.unit.ssh.test_private_keys import BROKEN_FORMS
from tests.vps.proxy import DelayingProxy

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vps.world import Vps


def _shell(script: str) -> Command:
    return Command(("sh", "-c", script))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No key, agent, ssh_config or known_hosts of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def _host(vps: Vps) -> Host:
    return Host(
        "vps",
        vps.host,
        port=vps.port,
        user="deploy",
        private_key=vps.private_key_text,
        private_key_source="DEPLOY_SSH_KEY",
        host_key=PinnedKey(vps.fingerprint()),
    )


def _known_hosts(home: Path, text: str) -> str:
    path = home / "known_hosts_of_the_test"
    path.write_text(text)
    return str(path)


def _says_hello(host: Host) -> bool:
    with connect(host) as session:
        return session.run(_shell("echo hello"), timeout=20).stdout == b"hello\n"


def _failure(host: Host) -> HostError:
    with pytest.raises(HostError) as caught:
        connect(host)
    return caught.value


# --- the host's identity -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_a_pinned_fingerprint_of_any_of_the_hosts_keys_is_accepted(
    used_vps: Vps, kind: str
) -> None:
    assert _says_hello(replace(_host(used_vps), host_key=PinnedKey(used_vps.fingerprint(kind))))


def test_a_pinned_public_key_is_accepted(used_vps: Vps) -> None:
    assert _says_hello(
        replace(_host(used_vps), host_key=checks.host_key(used_vps.host_public_key("rsa")))
    )


def test_an_unknown_host_is_refused_with_the_line_to_add(used_vps: Vps) -> None:
    error = _failure(replace(_host(used_vps), host_key=None))

    assert error.code == "host-key-unknown"
    assert f'host_key = "{used_vps.fingerprint()}"' in error.hint


def test_another_host_at_the_same_address_is_refused(used_vps: Vps, second_vps: Vps) -> None:
    error = _failure(replace(_host(used_vps), host_key=PinnedKey(second_vps.fingerprint())))

    assert error.code == "host-key-mismatch"
    assert used_vps.fingerprint() in error.message
    assert second_vps.fingerprint() in error.message


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_known_hosts_with_one_of_the_hosts_keys_is_enough(
    used_vps: Vps, home: Path, kind: str
) -> None:
    known = _known_hosts(home, used_vps.known_hosts(kind))
    assert _says_hello(replace(_host(used_vps), host_key=None, known_hosts=known))


def test_hashed_known_hosts_are_read(used_vps: Vps, home: Path) -> None:
    path = home / ".ssh/known_hosts"
    path.write_text(used_vps.known_hosts())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    assert path.read_text().startswith("|1|")

    assert _says_hello(replace(_host(used_vps), host_key=None))


def test_bad_lines_in_known_hosts_do_not_matter(used_vps: Vps, home: Path) -> None:
    lines = [
        "garbage",
        "@cert-authority * ssh-ed25519 AAAA",
        f"@cert-authority * {used_vps.host_public_key('rsa')}",
        "* ssh-ed25519 !!!",
        f"@revoked * {used_vps.host_public_key('rsa')}",
        used_vps.known_hosts(),
    ]
    known = _known_hosts(home, "\n".join(lines))
    assert _says_hello(replace(_host(used_vps), host_key=None, known_hosts=known))


def test_a_revoked_key_is_refused(used_vps: Vps, home: Path) -> None:
    known = _known_hosts(home, f"{used_vps.known_hosts()}@revoked * {used_vps.host_public_key()}\n")
    host = replace(_host(used_vps), known_hosts=known)

    assert _failure(host).code == "host-key-revoked"
    assert _failure(replace(host, host_key=None)).code == "host-key-revoked"


# --- our identity --------------------------------------------------------------------------


@pytest.mark.parametrize("form", BROKEN_FORMS)
def test_a_key_logs_in_however_it_was_pasted(used_vps: Vps, form: str) -> None:
    text = BROKEN_FORMS[form](used_vps.private_key_text)
    assert _says_hello(replace(_host(used_vps), private_key=text))


def test_an_identity_file_logs_in(used_vps: Vps) -> None:
    host = replace(_host(used_vps), private_key=None, identity_file=str(used_vps.identity_file))
    assert _says_hello(host)


def test_a_wrong_key_is_named(vps: Vps) -> None:
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    host = replace(_host(vps), private_key=other.decode())
    error = _failure(host)

    assert error.code == "auth-failed"
    assert "ssh-ed25519 SHA256:" in error.details[0]
    assert "DEPLOY_SSH_KEY" in error.details[0]
    # What the error says, as root types it. The other key in the file stays.
    let_in = re.search(r"(su deploy -c '.*?')", error.hint)
    assert let_in
    vps.run(let_in[1])
    assert _says_hello(host)
    assert _says_hello(_host(vps))


# --- the way -------------------------------------------------------------------------------


def test_a_stopped_sshd_is_named(vps: Vps) -> None:
    vps.sshd_stop()
    assert _failure(replace(_host(vps), address=vps.ip, port=22)).code == "connection-refused"


def test_a_host_that_drops_packets_is_named(vps: Vps) -> None:
    address = vps.ip
    vps.blackhole()
    started = time.monotonic()
    error = _failure(replace(_host(vps), address=address, port=22, connect_timeout=2.0))

    assert error.code == "connect-timeout"
    assert time.monotonic() - started < 6


def test_a_jump_host_is_a_way(used_vps: Vps, second_vps: Vps, home: Path) -> None:
    host = replace(
        _host(used_vps),
        address=used_vps.ip,
        port=22,
        proxy_jump=(Jump(second_vps.host, "deploy", second_vps.port),),
        known_hosts=_known_hosts(home, second_vps.known_hosts()),
    )
    with connect(host) as session:
        done = session.run(_shell("hostname; echo $SSH_CONNECTION"), timeout=20)

    name, connection = done.stdout.decode().splitlines()
    assert name == used_vps.name
    assert connection.split()[0] == second_vps.ip


def test_an_unknown_jump_host_is_refused(used_vps: Vps, second_vps: Vps) -> None:
    jump = Jump(second_vps.host, "deploy", second_vps.port)
    error = _failure(replace(_host(used_vps), address=used_vps.ip, port=22, proxy_jump=(jump,)))

    assert error.code == "jump-failed"
    assert "cause: host-key-unknown" in error.details
    assert second_vps.known_hosts().strip() in error.hint


def test_a_false_host_behind_the_jump_host_is_refused(
    used_vps: Vps, second_vps: Vps, home: Path
) -> None:
    host = replace(
        _host(used_vps),
        address=used_vps.ip,
        port=22,
        proxy_jump=(Jump(second_vps.host, "deploy", second_vps.port),),
        known_hosts=_known_hosts(home, second_vps.known_hosts()),
        host_key=PinnedKey(second_vps.fingerprint()),
    )
    assert _failure(host).code == "host-key-mismatch"


def test_a_closed_port_behind_the_jump_host_is_named(
    used_vps: Vps, second_vps: Vps, home: Path
) -> None:
    host = replace(
        _host(used_vps),
        address=used_vps.ip,
        port=4,
        proxy_jump=(Jump(second_vps.host, "deploy", second_vps.port),),
        known_hosts=_known_hosts(home, second_vps.known_hosts()),
    )
    error = _failure(host)

    assert error.code == "jump-failed"
    assert "cannot reach" in error.message


def test_twelve_connections_at_a_time(used_vps: Vps) -> None:
    def ask(number: int) -> bytes:
        with connect(_host(used_vps)) as session:
            return session.run(_shell(f"echo {number}"), timeout=30).stdout

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(12)))

    assert answers == [f"{number}\n".encode() for number in range(12)]


def _round_trips(vps: Vps, round_trip: float) -> list[float]:
    """Return those of connecting and a first command, then of each further command.

    round_trip: in seconds.
    """
    with DelayingProxy(vps.host, vps.port, delay_ms=1000 * round_trip / 2) as proxy:
        times = [time.monotonic()]
        with connect(replace(_host(vps), port=proxy.port)) as session:
            for _ in range(4):
                session.run(_shell("true"), timeout=20)
                times.append(time.monotonic())
    return [(after - before) / round_trip for before, after in pairwise(times)]


def test_a_connection_and_a_command_take_six_round_trips_and_each_further_command_one(
    used_vps: Vps,
) -> None:
    # A busy machine takes its time, too: on a longer line, that counts for less.
    measured = (_round_trips(used_vps, line) for line in (0.2, 0.5, 1.5, 1.5, 1.5))

    # Five: the proxy cannot delay the handshake of TCP.
    assert any(steps[0] < 5.9 and min(steps[1:]) < 1.9 for steps in measured)


# --- commands ------------------------------------------------------------------------------


def test_status_output_and_errors_are_told_apart(used_vps: Vps) -> None:
    with connect(_host(used_vps)) as session:
        done = session.run(_shell("echo out; echo err >&2; exit 3"), timeout=20)

    assert (done.exit_status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


@pytest.mark.parametrize(("name", "number"), [("KILL", 9), ("TERM", 15), ("SEGV", 11)])
def test_a_signal_gives_the_status_of_a_shell(used_vps: Vps, name: str, number: int) -> None:
    with connect(_host(used_vps)) as session:
        done = session.run(_shell(f"echo before; kill -{name} $$"), timeout=20)

    assert (done.exit_status, done.stdout) == (128 + number, b"before\n")


def test_much_output_is_read_to_its_end(used_vps: Vps) -> None:
    with connect(_host(used_vps)) as session:
        done = session.run(_shell("seq 1000000; seq 1000000 >&2; exit 5"), timeout=60)

    expected = "".join(f"{number}\n" for number in range(1, 1_000_001)).encode()
    assert done.exit_status == 5
    assert done.stdout == expected
    assert done.stderr == expected[-execution.MAX_STDERR :]


def test_an_endless_line_is_cut(used_vps: Vps) -> None:
    lines: list[bytes] = []
    with connect(_host(used_vps)) as session:
        done = session.run(
            _shell("head -c 20000000 /dev/zero; echo; echo end"), timeout=60, on_line=lines.append
        )

    assert [len(line) for line in lines] == [1024 * 1024, 3]
    assert len(done.stdout) == execution.MAX_STDOUT


def test_a_character_split_between_packets_stays_whole(used_vps: Vps) -> None:
    lines: list[bytes] = []
    with connect(_host(used_vps)) as session:
        session.run(
            _shell(r"printf 'gr\303'; sleep 0.2; printf '\274n\n'"),
            timeout=20,
            on_line=lines.append,
        )

    assert lines == ["grün".encode()]


def test_a_line_can_be_answered(used_vps: Vps) -> None:
    def answer(line: bytes) -> bytes | None:
        return b"blue\n" if line == b"colour?" else None

    with connect(_host(used_vps)) as session:
        done = session.run(
            _shell("echo colour?; read c; echo it is $c"), timeout=20, on_line=answer
        )

    assert done.stdout == b"colour?\nit is blue\n"


def test_a_large_script_is_sent_as_an_argument(used_vps: Vps) -> None:
    script = f": {'x' * 100_000}\necho done"
    with connect(_host(used_vps)) as session:
        assert session.run(_shell(script), timeout=20).stdout == b"done\n"


def test_a_command_that_takes_too_long_is_given_up(used_vps: Vps) -> None:
    with connect(_host(used_vps)) as session:
        with pytest.raises(CommandTimeoutError):
            session.run(_shell("sleep 60"), timeout=1)
        assert session.run(_shell("echo still here"), timeout=20).stdout == b"still here\n"


def test_one_channel_at_a_time_is_enough(vps: Vps) -> None:
    vps.run("echo 'MaxSessions 1' >/etc/ssh/sshd_config.d/10-test.conf")
    vps.sshd_restart()
    try:
        with connect(_host(vps)) as session:
            outputs = [session.run(_shell(f"echo {n}"), timeout=20).stdout for n in range(3)]
    finally:
        vps.run("rm /etc/ssh/sshd_config.d/10-test.conf")
        vps.sshd_restart()

    assert outputs == [b"0\n", b"1\n", b"2\n"]


# --- broken connections --------------------------------------------------------------------


def test_dropped_packets_during_a_command_are_noticed(vps: Vps) -> None:
    started = time.monotonic()
    with (
        connect(replace(_host(vps), address=vps.ip, port=22)) as session,
        pytest.raises(ConnectionLostError) as caught,
    ):
        session.run(_shell("echo x; sleep 100"), timeout=90, on_line=lambda _: vps.blackhole())

    assert caught.value.code == "connection-lost"
    assert time.monotonic() - started < 20


def test_packets_swallowed_on_the_way_are_noticed(vps: Vps) -> None:
    started = time.monotonic()
    with (
        DelayingProxy(vps.host, vps.port) as proxy,
        connect(replace(_host(vps), port=proxy.port)) as session,
        pytest.raises(ConnectionLostError),
    ):
        session.run(_shell("echo x; sleep 100"), timeout=90, on_line=lambda _: proxy.blackhole())

    assert time.monotonic() - started < 20


def test_a_reset_during_a_command_is_noticed_at_once(used_vps: Vps) -> None:
    started = time.monotonic()
    with (
        DelayingProxy(used_vps.host, used_vps.port) as proxy,
        connect(replace(_host(used_vps), port=proxy.port)) as session,
        pytest.raises(ConnectionLostError),
    ):
        session.run(_shell("echo x; sleep 100"), timeout=90, on_line=lambda _: proxy.cut())

    assert time.monotonic() - started < 10


def test_a_session_killed_on_the_host_is_a_lost_connection(vps: Vps) -> None:
    def kill(_: bytes) -> None:
        vps.run("pkill -KILL -u deploy -f sshd")

    with connect(_host(vps)) as session, pytest.raises(ConnectionLostError):
        session.run(_shell("echo x; sleep 100"), timeout=90, on_line=kill)


def test_a_power_cut_during_a_command_is_noticed(vps: Vps) -> None:
    started = time.monotonic()
    with (
        connect(replace(_host(vps), address=vps.ip, port=22)) as session,
        pytest.raises(ConnectionLostError),
    ):
        session.run(_shell("echo x; sleep 100"), timeout=90, on_line=lambda _: vps.power_off())

    assert time.monotonic() - started < 25
