"""Connections and commands, against an SSH server in this process."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
import pytest

from deployctl.command import Command
from deployctl.errors import (
    EXIT_UNREACHABLE,
    CommandTimeoutError,
    ConnectionLostError,
    HostError,
)
from deployctl.inventory import Host, Jump, PinnedKey
from deployctl.inventory.parser import from_document
from deployctl.ssh import Session, connect, execution, keys
from deployctl.ssh.transport import make_transport
from tests.unit.ssh.loopback import REFUSED_COMMAND, Behaviour, LoopbackServer
from tests.unit.ssh.test_keys import GOOD
from tests.vps.proxy import DelayingProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

_RSA = paramiko.RSAKey.generate(2048)
_ECDSA = paramiko.ECDSAKey.generate()


def _shell(script: str) -> Command:
    return Command(("sh", "-c", script))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No key, agent, ssh_config or known_hosts of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    authorized = {keys.load(GOOD, None, "test").public_blob}
    with LoopbackServer(Behaviour([_ECDSA], authorized)) as running:
        yield running


def _host(server: LoopbackServer) -> Host:
    return Host(
        "vps",
        "127.0.0.1",
        port=server.port,
        user="deploy",
        private_key=GOOD,
        private_key_source="DEPLOY_SSH_KEY",
        host_key=PinnedKey(server.fingerprints[0]),
        connect_timeout=5.0,
    )


@pytest.fixture
def session(server: LoopbackServer) -> Iterator[Session]:
    with connect(_host(server)) as opened:
        yield opened


def _write_key(path: Path, text: str = GOOD) -> None:
    path.touch(0o600)
    path.write_text(text)


def _failure(host: Host) -> HostError:
    with pytest.raises(HostError) as caught:
        connect(host)
    assert caught.value.exit_status == EXIT_UNREACHABLE
    assert caught.value.hint
    return caught.value


# --- commands ------------------------------------------------------------------------------


def test_a_command_returns_its_status_and_output(session: Session) -> None:
    done = session.run(_shell("echo out; echo err >&2; exit 3"), timeout=10)

    assert (done.exit_status, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_standard_input_is_empty_without_on_line(session: Session) -> None:
    assert session.run(_shell("cat; echo end"), timeout=10).stdout == b"end\n"


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
        _shell("echo colour?; read c; printf 'it is %s\\nnot a line' $c"),
        timeout=10,
        on_line=answer,
    )

    assert lines == [b"colour?", b"it is blue"]
    assert done.stdout == b"colour?\nit is blue\nnot a line"


def test_a_character_split_between_packets_stays_whole(session: Session) -> None:
    lines: list[bytes] = []
    session.run(
        _shell("printf 'gr\\303'; sleep 0.2; printf '\\274n\\n'"), timeout=10, on_line=lines.append
    )
    assert lines == ["grün".encode()]


def test_a_signal_gives_the_status_of_a_shell(session: Session) -> None:
    done = session.run(_shell("echo before; kill -9 $$"), timeout=10)

    assert (done.exit_status, done.stdout) == (128 + 9, b"before\n")


def test_output_is_kept_up_to_a_limit_and_read_to_its_end(session: Session) -> None:
    script = "head -c 9000000 /dev/zero; head -c 100000 /dev/zero >&2; echo end >&2; exit 5"
    done = session.run(_shell(script), timeout=30)

    assert done.exit_status == 5
    assert len(done.stdout) == execution.MAX_STDOUT
    assert len(done.stderr) == execution.MAX_STDERR
    assert done.stderr.endswith(b"\0end\n")


def test_much_on_standard_error_alone_does_not_block(session: Session) -> None:
    done = session.run(_shell("head -c 5000000 /dev/zero >&2; echo done"), timeout=30)

    assert done.stdout == b"done\n"


def test_a_command_that_takes_too_long_is_given_up(session: Session) -> None:
    started = time.monotonic()
    with pytest.raises(CommandTimeoutError) as caught:
        session.run(_shell("sleep 60"), timeout=0.5)

    assert caught.value.code == "command-timeout"
    assert time.monotonic() - started < 5
    assert session.run(_shell("echo still here"), timeout=10).stdout == b"still here\n"


def test_a_command_that_never_reads_its_input_is_given_up(session: Session) -> None:
    def flood(_: bytes) -> bytes:
        return bytes(8_000_000)

    with pytest.raises(CommandTimeoutError):
        session.run(_shell("echo go; sleep 60"), timeout=1, on_line=flood)


def test_an_answer_to_a_command_that_has_ended_is_dropped(session: Session) -> None:
    done = session.run(
        _shell("echo q; exec <&-; exit 4"), timeout=10, on_line=lambda _: bytes(3_000_000)
    )
    assert done.exit_status == 4


def test_an_error_in_on_line_comes_through(session: Session) -> None:
    def fail(_: bytes) -> None:
        raise OSError("not the network")

    with pytest.raises(OSError, match="not the network"):
        session.run(_shell("echo x"), timeout=10, on_line=fail)
    assert session.run(_shell("true"), timeout=10).ok


def test_a_background_process_that_holds_the_output_does_not_keep_us(session: Session) -> None:
    started = time.monotonic()
    done = session.run(_shell("sleep 60 & echo done; exit 7"), timeout=30)

    assert (done.exit_status, done.stdout) == (7, b"done\n")
    assert time.monotonic() - started < 15


def test_a_refused_command_is_no_lost_connection(session: Session) -> None:
    with pytest.raises(HostError) as caught:
        session.run(_shell(REFUSED_COMMAND), timeout=10)

    assert caught.value.code == "session-refused"
    assert session.run(_shell("true"), timeout=10).ok


def test_a_host_that_allows_one_channel_at_a_time_is_enough(server: LoopbackServer) -> None:
    server.behaviour.max_channels = 1
    with connect(_host(server)) as session:
        outputs = [session.run(_shell(f"echo {n}"), timeout=10).stdout for n in range(3)]

    assert outputs == [b"0\n", b"1\n", b"2\n"]


def test_a_host_that_opens_no_channel_says_so(server: LoopbackServer) -> None:
    server.behaviour.max_channels = 0
    with connect(_host(server)) as session, pytest.raises(HostError) as caught:
        session.run(_shell("true"), timeout=10)

    assert caught.value.code == "session-refused"


def test_ctrl_c_interrupts_at_once(session: Session) -> None:
    def interrupt(_: bytes) -> None:
        signal.raise_signal(signal.SIGINT)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        session.run(_shell("echo x; sleep 60"), timeout=60, on_line=interrupt)
    later = threading.Timer(0.3, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    later.start()
    with pytest.raises(KeyboardInterrupt):
        session.run(_shell("sleep 60"), timeout=60)
    assert time.monotonic() - started < 5


# --- broken connections --------------------------------------------------------------------


def test_a_connection_that_drops_is_no_failed_command(
    server: LoopbackServer, session: Session
) -> None:
    with pytest.raises(ConnectionLostError) as caught:
        session.run(_shell("echo x; sleep 60"), timeout=60, on_line=lambda _: server.drop())

    assert caught.value.code == "connection-lost"
    assert "not known" in caught.value.state


def test_a_dead_connection_is_noticed_at_the_next_command(
    server: LoopbackServer, session: Session
) -> None:
    server.drop()
    with pytest.raises(ConnectionLostError):
        session.run(_shell("true"), timeout=10)


def test_a_silent_connection_is_noticed(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "QUIET", 0.5)
    monkeypatch.setattr(execution, "NO_ANSWER", 1.0)
    with (
        DelayingProxy("127.0.0.1", server.port) as proxy,
        connect(replace(_host(server), port=proxy.port)) as session,
        pytest.raises(ConnectionLostError),
    ):
        session.run(_shell("echo x; sleep 60"), timeout=60, on_line=lambda _: proxy.blackhole())


def test_a_quiet_command_on_a_living_connection_is_waited_for(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "QUIET", 0.1)
    monkeypatch.setattr(execution, "NO_ANSWER", 0.5)
    assert session.run(_shell("sleep 2; echo done"), timeout=30).stdout == b"done\n"


def test_a_silent_connection_is_noticed_when_a_command_starts(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "QUIET", 0.5)
    monkeypatch.setattr(execution, "NO_ANSWER", 1.0)
    with (
        DelayingProxy("127.0.0.1", server.port) as proxy,
        connect(replace(_host(server), port=proxy.port)) as session,
    ):
        session.run(_shell("true"), timeout=10)
        proxy.blackhole()
        with pytest.raises(ConnectionLostError):
            session.run(_shell("true"), timeout=60)


def test_closing_twice_is_harmless(session: Session) -> None:
    session.close()
    session.close()
    with pytest.raises(ConnectionLostError):
        session.run(_shell("true"), timeout=10)


# --- round trips ---------------------------------------------------------------------------


def _round_trips(host: Host, port: int, round_trip: float) -> tuple[float, float]:
    """Return those of connecting and a first command, and of a further command.

    round_trip: in seconds.
    """
    times = []
    with DelayingProxy("127.0.0.1", port, delay_ms=1000 * round_trip / 2) as proxy:
        started = time.monotonic()
        with connect(replace(host, port=proxy.port)) as session:
            for _ in range(3):
                session.run(_shell("true"), timeout=10)
                times.append(time.monotonic() - started)
    return times[0] / round_trip, (times[2] - times[1]) / round_trip


def test_a_connection_and_a_command_take_six_round_trips_and_each_further_command_one(
    server: LoopbackServer,
) -> None:
    # A busy machine takes its time, too: on a longer line, that counts for less.
    measured = (_round_trips(_host(server), server.port, line) for line in (0.2, 0.5, 1.5))

    # Five: the proxy cannot delay the handshake of TCP.
    assert any(first < 5.9 and further < 1.9 for first, further in measured)


# --- who is there --------------------------------------------------------------------------


def test_an_unknown_host_is_refused_before_any_key_is_shown(server: LoopbackServer) -> None:
    error = _failure(replace(_host(server), host_key=None))

    assert error.code == "host-key-unknown"
    assert server.fingerprints[0] in error.message
    assert not [entry for entry in server.log if entry.startswith("auth")]


def test_another_key_than_the_pinned_one_is_refused(server: LoopbackServer) -> None:
    pinned = PinnedKey("SHA256:" + 43 * "A", setting="hosts.vps.host_key in the inventory")
    error = _failure(replace(_host(server), host_key=pinned))

    assert error.code == "host-key-mismatch"
    assert server.fingerprints[0] in error.message
    assert "put the second line into hosts.vps.host_key in the inventory" in error.hint
    assert error.hint.splitlines()[2] == server.fingerprints[0]
    assert not [entry for entry in server.log if entry.startswith("auth")]


@pytest.mark.parametrize("number", [0, 1])
def test_any_key_of_the_host_may_be_pinned(server: LoopbackServer, number: int) -> None:
    server.behaviour.host_keys = [_ECDSA, _RSA]
    with connect(
        replace(_host(server), host_key=PinnedKey(server.fingerprints[number]))
    ) as session:
        assert session.run(_shell("true"), timeout=10).ok


def test_a_host_is_asked_at_once_for_the_type_of_key_that_is_pinned(server: LoopbackServer) -> None:
    server.behaviour.host_keys = [_ECDSA, _RSA]
    line = f"ssh-rsa {_RSA.get_base64()}"
    document = {
        "hosts": {"vps": {"address": "127.0.0.1", "port": server.port, "host_key": line}},
        "services": {"web": {"model": "gitops"}},
    }
    pinned = from_document(document, {}, path="inventory.toml").host("vps").host_key

    connect(replace(_host(server), host_key=pinned)).close()

    assert server.connections == 1


def test_a_wrong_pin_ends_after_each_of_the_hosts_keys_was_seen(server: LoopbackServer) -> None:
    server.behaviour.host_keys = [_ECDSA, _RSA]

    error = _failure(replace(_host(server), host_key=PinnedKey("SHA256:" + 43 * "A")))

    assert error.code == "host-key-mismatch"
    assert server.connections <= 3


def test_known_hosts_with_one_of_the_hosts_keys_is_enough(
    server: LoopbackServer, tmp_path: Path
) -> None:
    server.behaviour.host_keys = [_ECDSA, _RSA]
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{server.port} ssh-rsa {_RSA.get_base64()}\n")

    host = replace(_host(server), host_key=None, known_hosts=str(known))
    with connect(host) as session:
        assert session.run(_shell("true"), timeout=10).ok
    assert server.connections == 1


def test_the_users_known_hosts_counts_and_is_left_alone(server: LoopbackServer, home: Path) -> None:
    known = home / ".ssh/known_hosts"
    line = f"[127.0.0.1]:{server.port} {_ECDSA.get_name()} {_ECDSA.get_base64()}\n"
    known.write_text(line)

    connect(replace(_host(server), host_key=None)).close()

    assert known.read_text() == line


# --- who are we ----------------------------------------------------------------------------


def _new_key() -> str:
    text = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    return text.decode()


def test_a_wrong_key_is_named(server: LoopbackServer) -> None:
    key = _new_key()
    error = _failure(replace(_host(server), private_key=key))

    assert error.code == "auth-failed"
    assert "deploy" in error.message
    assert len(error.details) == 1
    assert "ssh-ed25519 SHA256:" in error.details[0]
    assert "DEPLOY_SSH_KEY" in error.details[0]
    public = keys.load(key, None, "").key.get_base64()
    assert f"ssh -p {server.port} root@127.0.0.1, or its console" in error.hint
    assert error.hint.splitlines()[1].startswith("su deploy -c 'umask 077; ")
    line = f"restrict ssh-ed25519 {public} deployctl"
    # A line of its own, also behind one that lacks its end.
    assert f'printf "\\n%s\\n" "{line}" >>~/.ssh/authorized_keys' in error.hint


def test_only_the_given_key_is_tried(server: LoopbackServer, home: Path) -> None:
    _write_key(home / ".ssh/id_ed25519")

    error = _failure(replace(_host(server), private_key=_new_key()))

    assert len(error.details) == 1


def test_without_a_given_key_the_default_files_are_tried(
    server: LoopbackServer, home: Path
) -> None:
    _write_key(home / ".ssh/id_ed25519")
    connect(replace(_host(server), private_key=None)).close()


def test_the_identity_file_of_ssh_config_is_tried(server: LoopbackServer, home: Path) -> None:
    _write_key(home / "deploy_key")
    (home / ".ssh/config").write_text("Host *\n  IdentityFile ~/deploy_key\n")
    connect(replace(_host(server), private_key=None)).close()


def test_keys_are_tried_one_after_the_other(server: LoopbackServer, home: Path) -> None:
    config = home / "config"
    for number, text in enumerate([_new_key(), _new_key(), "garbage", GOOD]):
        _write_key(home / f"key{number}", text)
        with config.open("a") as file:
            file.write(f"IdentityFile ~/key{number}\n")

    connect(replace(_host(server), private_key=None), ssh_config=config).close()

    assert len([entry for entry in server.log if entry.startswith("auth")]) == 3


@pytest.fixture
def agent(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An ssh-agent that holds the authorized key, whose file is encrypted."""
    path = home / "locked"
    _write_key(path)
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", home / "agent"], stdout=subprocess.DEVNULL
    ) as running:
        try:
            monkeypatch.setenv("SSH_AUTH_SOCK", str(home / "agent"))
            # Its socket is there before it listens.
            while subprocess.run(
                ["ssh-add", "-q", path], check=False, capture_output=True
            ).returncode:
                assert running.poll() is None
            public = subprocess.run(["ssh-keygen", "-yf", path], check=True, capture_output=True)
            (home / "locked.pub").write_bytes(public.stdout)
            subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", path], check=True)
            yield path
        finally:
            running.terminate()


def test_a_key_in_the_agent_is_tried(server: LoopbackServer, agent: Path) -> None:
    assert agent.exists()
    connect(replace(_host(server), private_key=None)).close()


def test_an_encrypted_identity_file_is_used_through_the_agent(
    server: LoopbackServer, agent: Path
) -> None:
    connect(replace(_host(server), private_key=None, identity_file=str(agent))).close()


def test_identities_only_can_name_a_key_of_the_agent(
    server: LoopbackServer, agent: Path, home: Path
) -> None:
    config = home / "config"
    config.write_text(f"IdentitiesOnly yes\nIdentityFile {agent}.pub\n")
    connect(replace(_host(server), private_key=None), ssh_config=config).close()


def test_the_agent_of_ssh_config_is_asked_in_place_of_the_usual_one(
    server: LoopbackServer, agent: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert agent.exists()
    config = home / "config"
    host = replace(_host(server), private_key=None)
    config.write_text("IdentityAgent none\n")
    with pytest.raises(HostError, match="no key"):
        connect(host, ssh_config=config)
    config.write_text("IdentityAgent ~/nowhere\n")
    with pytest.raises(HostError, match="no key"):
        connect(host, ssh_config=config)

    monkeypatch.setenv("OUR_AGENT", str(home / "agent"))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/nowhere")
    for value in ("%d/agent", "~/agent", "$OUR_AGENT"):
        config.write_text(f"IdentityAgent {value}\n")
        connect(host, ssh_config=config).close()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_private_key_that_others_may_read_is_not_used(
    server: LoopbackServer, home: Path, mode: int
) -> None:
    key = home / "key"
    _write_key(key)
    host = replace(_host(server), private_key=None, identity_file=str(key))
    connect(host).close()
    key.chmod(mode)

    error = _failure(host)

    assert error.code == "key-unusable"
    assert "other users" in error.message
    assert error.hint.endswith(f"chmod 600 {key}")


def test_an_encrypted_identity_file_needs_its_passphrase(
    server: LoopbackServer, agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK")
    host = replace(_host(server), private_key=None, identity_file=str(agent))

    assert "passphrase" in _failure(host).message
    connect(replace(host, passphrase="secret")).close()


def test_having_no_key_at_all_is_said(server: LoopbackServer) -> None:
    error = _failure(replace(_host(server), private_key=None))

    assert error.code == "auth-failed"
    assert "no key" in error.message


def test_an_unreadable_identity_file_is_named(server: LoopbackServer) -> None:
    error = _failure(replace(_host(server), private_key=None, identity_file="/nowhere/key"))

    assert error.code == "key-unusable"
    assert "/nowhere/key" in error.message


def test_an_unusable_key_is_refused_before_connecting(server: LoopbackServer) -> None:
    error = _failure(replace(_host(server), private_key="ssh-ed25519 AAAA x", host_key=None))
    assert error.code == "key-unusable"


def test_a_host_that_takes_passwords_only_is_named(server: LoopbackServer) -> None:
    server.behaviour.methods = "password"
    error = _failure(replace(_host(server), private_key=_new_key()))

    assert error.code == "auth-failed"
    assert any("password" in line for line in error.details)


def test_a_second_factor_is_a_refusal(server: LoopbackServer) -> None:
    server.behaviour.second_factor = True
    assert _failure(_host(server)).code == "auth-failed"


# --- who is not there ----------------------------------------------------------------------


def test_a_name_that_does_not_resolve(server: LoopbackServer) -> None:
    assert _failure(replace(_host(server), address="no.such.invalid")).code == "name-unknown"
    assert _failure(replace(_host(server), address="x" * 70 + ".org")).code == "name-unknown"


def test_a_port_where_nothing_listens(server: LoopbackServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = _failure(replace(_host(server), port=port))

    assert error.code == "connection-refused"
    assert str(port) in error.message


def test_a_host_that_accepts_and_says_nothing(server: LoopbackServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        started = time.monotonic()
        error = _failure(replace(_host(server), port=port, connect_timeout=0.5))

    assert error.code == "connect-timeout"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("greeting", "code", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not-ssh", "a web server"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "not-ssh", "a TLS server"),
        (b"220 mail.example ESMTP\r\n", "not-ssh", "mail"),
        (b"\x1b]0;evil\x07 hello\r\n", "not-ssh", "hello"),
        (b"\xff" * 5000, "not-ssh", "not an SSH server"),
        (b"", "connection-dropped", "closed the connection"),
        (b"Exceeded MaxStartups\r\n", "connection-dropped", "MaxStartups"),
        (b"Not allowed at this time\r\n", "connection-dropped", "Not allowed"),
        (b"SSH-2.0-broken\r\n", "connection-closed", "closed the connection"),
        (b"SSH-2.0-broken\r\n" + bytes(range(256)) * 300, "connection-closed", "closed"),
        (b"SSH-1.5-ancient\r\n", "ssh-incompatible", "no algorithm"),
    ],
)
def test_what_answers_instead_of_ssh_is_named(
    server: LoopbackServer, greeting: bytes, code: str, said: str
) -> None:
    server.behaviour.greeting = greeting
    error = _failure(_host(server))

    assert error.code == code
    assert said in error.message
    assert error.message.isprintable()
    assert len(error.message) < 500


def test_a_host_that_drops_connections_at_random_is_asked_again(server: LoopbackServer) -> None:
    server.behaviour.dropped = 2

    with connect(_host(server)) as session:
        assert session.run(_shell("echo hi"), timeout=10).stdout == b"hi\n"

    assert server.connections == 3


def test_a_host_that_drops_every_connection_is_not_asked_for_ever(server: LoopbackServer) -> None:
    server.behaviour.dropped = 100

    assert _failure(_host(server)).code == "connection-dropped"
    assert server.connections == 3


# --- on the way ----------------------------------------------------------------------------


def test_a_proxy_command_is_a_way(server: LoopbackServer, home: Path) -> None:
    script = home / "relay.py"
    script.write_text(_RELAY)
    config = home / "config"
    config.write_text(f"Host *\n  ProxyCommand {sys.executable} {script} 127.0.0.1 %p\n")
    host = replace(_host(server), address="not.resolved.invalid")

    with connect(host, ssh_config=config) as session:
        assert session.run(_shell("echo hi"), timeout=10).stdout == b"hi\n"


_RELAY = """
import os, socket, sys, threading
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        peer.sendall(data)
    peer.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := peer.recv(65536):
    os.write(1, data)
"""


def test_a_proxy_command_that_fails_is_named(server: LoopbackServer, home: Path) -> None:
    config = home / "config"
    config.write_text("Host *\n  ProxyCommand /nowhere/relay %h %p\n")
    with pytest.raises(HostError) as caught:
        connect(_host(server), ssh_config=config)
    assert caught.value.code == "connection-dropped"


def test_an_unknown_jump_host_is_refused(server: LoopbackServer) -> None:
    jump = Jump("127.0.0.1", "me", server.port)
    error = _failure(replace(_host(server), proxy_jump=(jump,), address="vps.example"))

    assert error.code == "jump-failed"
    assert "jump host 127.0.0.1" in error.message
    assert "cause: host-key-unknown" in error.details
    assert f"[127.0.0.1]:{server.port} {_ECDSA.get_name()}" in error.hint


def test_a_jump_host_that_does_not_forward_is_named(server: LoopbackServer, home: Path) -> None:
    known = home / ".ssh/known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {_ECDSA.get_name()} {_ECDSA.get_base64()}\n")
    jump = Jump("127.0.0.1", "deploy", server.port)
    error = _failure(replace(_host(server), proxy_jump=(jump,), address="vps.example"))

    assert error.code == "jump-failed"
    assert "cannot reach" in error.message
    assert "AllowTcpForwarding" in error.hint


def test_a_gateway_at_the_hosts_own_address_is_passed(server: LoopbackServer, home: Path) -> None:
    behaviour = replace(server.behaviour, forwards=True)
    with LoopbackServer(behaviour) as gateway:
        known = home / ".ssh/known_hosts"
        known.write_text(f"[127.0.0.1]:{gateway.port} {_ECDSA.get_name()} {_ECDSA.get_base64()}\n")
        host = replace(_host(server), proxy_jump=(Jump("127.0.0.1", "deploy", gateway.port),))

        with connect(host) as session:
            assert session.run(_shell("echo hi"), timeout=10).stdout == b"hi\n"

    assert f"forward 127.0.0.1:{server.port}" in gateway.log


def test_a_revoked_key_is_refused_although_it_is_pinned_or_known(
    server: LoopbackServer, home: Path
) -> None:
    revoked = home / "revoked"
    revoked.write_text(f"# stolen\n{_ECDSA.get_name()} {_ECDSA.get_base64()} vps\n")
    config = home / ".ssh/config"
    config.write_text("RevokedHostKeys %d/revoked\n")
    known = home / ".ssh/known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {_ECDSA.get_name()} {_ECDSA.get_base64()}\n")
    jump = Jump("127.0.0.1", "deploy", server.port)

    pinned = _failure(_host(server))
    for error in (pinned, _failure(replace(_host(server), host_key=None))):
        assert error.code == "host-key-revoked"
        assert f"{revoked}:2 revokes" in error.message
    behind = _failure(replace(_host(server), address="vps.example", proxy_jump=(jump,)))
    assert "cause: host-key-revoked" in behind.details
    assert not server.log  # no key was shown to it


def test_a_file_of_revoked_keys_that_is_missing_refuses_every_host(
    server: LoopbackServer, home: Path
) -> None:
    (home / ".ssh/config").write_text("Host *\n  RevokedHostKeys ~/gone\n")

    error = _failure(_host(server))

    assert error.code == "revoked-keys-unreadable"
    assert str(home / "gone") in error.message
    assert server.connections <= 1
    assert not server.log


# --- side effects --------------------------------------------------------------------------


def test_many_connections_at_a_time(server: LoopbackServer) -> None:
    def ask(number: int) -> bytes:
        with connect(_host(server)) as session:
            return session.run(_shell(f"echo {number}"), timeout=20).stdout

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(12)))

    assert answers == [f"{number}\n".encode() for number in range(12)]


def test_fabrics_own_configuration_has_no_say(
    server: LoopbackServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".fabric.yaml").write_text("user: wrong\nport: 1\nconnect_kwargs: {password: x}\n")
    (home / ".fabric.json").write_text("not even JSON")
    monkeypatch.setenv("FABRIC_USER", "wrong")

    connect(_host(server)).close()

    assert "auth deploy ssh-ed25519" in server.log


def test_nothing_is_printed(server: LoopbackServer) -> None:
    script = f"""
from deployctl.ssh import connect
from deployctl.inventory import Host
from deployctl.errors import HostError
for port in ({server.port}, 1):
    try:
        connect(Host("vps", "127.0.0.1", port=port, user="x", private_key={GOOD!r}))
    except HostError as error:
        print(error.code)
"""
    server.behaviour.greeting = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, timeout=60, text=True
    )
    assert done.stderr == ""
    assert done.stdout.split() == ["not-ssh", "connection-refused"]


def test_importing_the_package_imports_neither_fabric_nor_paramiko() -> None:
    script = "import sys, deployctl.ssh; print({'fabric', 'paramiko', 'invoke'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"set()"


def test_the_post_quantum_key_exchange_is_offered_first() -> None:
    left, right = socket.socketpair()
    with left, right:
        transport = make_transport(left, ["ssh-ed25519"], 1)
        options = transport.get_security_options()
        assert options.kex[0] == "mlkem768x25519-sha256"
        assert options.compression == ("none",)
        assert options.key_types == ("ssh-ed25519",)
