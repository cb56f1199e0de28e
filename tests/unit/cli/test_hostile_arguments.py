"""Tags, names and paths that are meant to do harm: refused before any host is asked.

Run in this process: what they must never reach is the network, and not a shell of the client's.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployctl import __main__ as program
from tests.harmless import assert_harmless
from tests.inventory_text import host_table, service_table
from tests.unit.build import tag as good_tag

SERVICE = "enforcer-backend"
HOSTILE_TAGS = {
    "latest": "latest",
    "branch": "main",
    "no digits": "sha-",
    "capitals": "sha-ABCDEF1",
    "six digits": "sha-123456",
    "version": "v1.2.3",
    "command": "sha-1234567; reboot",
    "empty": "",
    "10 KB": "sha-" + "a" * 10_240,
    "substitution": "sha-$(reboot)",
    "newline": "sha-1234567\n",
    "second line": "sha-1234567\nsha-2345678",
    "other digits": "sha-١٢٣٤٥٦٧",
    "escape": "\x1b[2Jsha-1234567",
    "workflow command": "::error::forged",
}

Ended = tuple[int, str, str]
Run = Callable[..., Ended]


@pytest.fixture
def inventory(place: Path) -> Path:
    return place / "inventory.toml"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line; return its status, what it printed and what it complained."""

    def command(*argv: str) -> Ended:
        status = program.run(argv)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return command


@pytest.fixture
def listener(inventory: Path) -> Iterator[socket.socket]:
    """Stands where the inventory's host should be."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        host = (
            'address = "127.0.0.1"\n'
            f"port = {server.getsockname()[1]}\n"
            f'host_key = "SHA256:{"A" * 43}"\n'
        )
        inventory.write_text(host_table(host) + service_table(SERVICE))
        yield server


def _assert_never_connected(listener: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize("command", ["deploy", "rollback"])
@pytest.mark.parametrize("tag", HOSTILE_TAGS.values(), ids=HOSTILE_TAGS)
def test_what_is_no_release_tag_is_refused_before_any_host_is_asked(
    run: Run, listener: socket.socket, command: str, tag: str
) -> None:
    status, out, err = run(command, SERVICE, tag)

    assert status == 3, err
    assert out == ""
    assert err.count("error: ") == 1
    assert len(err) < 1000
    assert_harmless(err)
    _assert_never_connected(listener)


@pytest.mark.parametrize("tag", HOSTILE_TAGS.values(), ids=HOSTILE_TAGS)
def test_the_refusal_of_a_tag_is_a_document_for_programs_too(
    run: Run, listener: socket.socket, tag: str
) -> None:
    status, out, err = run("deploy", SERVICE, tag, "--json")

    document = json.loads(out)
    assert status == document["exit_status"] == 3
    assert document["error"]["code"] == "tag-refused"
    assert_harmless(out + err)
    _assert_never_connected(listener)


@pytest.mark.parametrize(
    "arguments",
    [
        ("deploy", "$(reboot)", good_tag(1)),
        ("deploy", "a b'\"\n", good_tag(1)),
        ("deploy", SERVICE, good_tag(1), "--host", "vps; reboot"),
        ("rollback", SERVICE, "--host", "$(reboot)"),
        ("deploy", SERVICE, good_tag(1), "--digest", "sha256:$(reboot)"),
        ("deploy", SERVICE, good_tag(1), "--wait", "1s; reboot"),
        ("status", "\x1b[2J"),
        ("history", SERVICE, "--host", "\x1b[2J\n::error::forged"),
        *(("follow", "vps", run) for run in ("../../etc", "$(reboot)", "", "a b", "x" * 10_000)),
        ("follow", "$(reboot)", "20260101t000000z-0badf00d"),
    ],
    ids=lambda arguments: " ".join(arguments).encode("unicode_escape").decode()[:60],
)
def test_names_that_are_not_in_the_inventory_are_wrong_usage(
    run: Run, listener: socket.socket, arguments: tuple[str, ...]
) -> None:
    status, out, err = run(*arguments)

    assert status == 2, err
    assert_harmless(out + err)
    _assert_never_connected(listener)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('directory = "/opt/infra"', 'directory = "/opt/in\\nfra"'),
        ('directory = "/opt/infra"', 'directory = "relative; reboot"'),
        ('directory = "/opt/infra"', 'directory = "/opt/../etc"'),
        ("compose/docker-compose.yml", "a\\nb.yml"),
        ("compose/docker-compose.yml", "--privileged"),
        ('address = "127.0.0.1"', 'address = "-oProxyCommand=reboot"'),
        ('address = "127.0.0.1"', 'address = "$(reboot)"'),
        ('address = "127.0.0.1"', 'user = "-l; reboot"\naddress = "127.0.0.1"'),
        (f"[services.{SERVICE}]", '[services."$(reboot)"]'),
        ("[hosts.vps]", '[hosts."vps; reboot"]'),
        ('model = "compose"', 'model = "compose"\ntag_variable = "A=B; reboot"'),
        ('model = "compose"', 'model = "compose"\ntag_variable = "LD_PRELOAD"'),
    ],
)
def test_an_inventory_that_no_shell_could_carry_is_refused(
    run: Run, inventory: Path, listener: socket.socket, old: str, new: str
) -> None:
    text = inventory.read_text()
    assert old in text
    inventory.write_text(text.replace(old, new))

    status, out, err = run("deploy", SERVICE, good_tag(1))

    assert status == 2, err
    assert_harmless(out + err)
    _assert_never_connected(listener)
