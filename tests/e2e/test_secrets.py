"""Keys and passphrases leave the client's environment for nowhere, in a real run."""

from __future__ import annotations

import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client, Ended
from tests.e2e.invariants import settle
from tests.thorough import thorough
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD
from tests.vps.world import Vps

_WATCH = "/tmp/watch"


@dataclass(frozen=True)
class Secrets:
    """What nobody may see.

    Attributes:
        environment: how the client gets them.
        words: pieces of them, each of which would give them away.
    """

    environment: dict[str, str]
    words: tuple[str, ...]

    def found_in(self, text: str) -> list[str]:
        return [word for word in self.words if word in text]


@pytest.fixture(params=["passphrase", thorough("plain")])
def secrets(request: pytest.FixtureRequest, client: Client, vps: Vps, tmp_path: Path) -> Secrets:
    """A key made for this test, known to the host and to no file of either machine."""
    # Another for each test: one that runs beside this one shows its own to ssh-keygen.
    passphrase = f"orange-{uuid.uuid4()}" if request.param == "passphrase" else ""
    elsewhere = tmp_path.parent / f"{tmp_path.name}-key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(elsewhere)],
        stdin=subprocess.DEVNULL,
        check=True,
    )
    key = elsewhere.read_text()
    elsewhere.unlink()
    vps.run(
        "cat >>/home/deploy/.ssh/authorized_keys",
        stdin=elsewhere.with_suffix(".pub").read_text(),
    )
    client.write_inventory({"vps": vps})
    lines = client.inventory.read_text().splitlines()
    named = ['ssh_key = { env = "DEPLOY_SSH_KEY" }']
    environment = {"DEPLOY_SSH_KEY": key}
    if passphrase:
        named.append('passphrase = { env = "DEPLOY_SSH_PASSPHRASE" }')
        environment["DEPLOY_SSH_PASSPHRASE"] = passphrase
    at = next(i for i, line in enumerate(lines) if line.startswith("identity_file"))
    client.inventory.write_text("\n".join([*lines[:at], *named, *lines[at + 1 :]]))
    # The first and last line of any such key are alike, or nearly.
    body = key.splitlines()[2:-2]
    client.environment = environment
    return Secrets(environment, (*body, *([passphrase] if passphrase else [])))


@contextmanager
def watched(vps: Vps, secrets: Secrets) -> Iterator[list[str]]:
    """Look at every process of both machines, again and again, until the block ends."""
    seen: list[str] = []
    done = threading.Event()
    looks = 0

    def look() -> None:
        nonlocal looks
        while not done.is_set():
            looks += 1
            for process in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - glob looks twice
                try:
                    words = Path("/proc", process, "cmdline").read_bytes()
                    seen.extend(secrets.found_in(words.decode("utf-8", "replace")))
                except OSError:
                    continue  # it has ended

    vps.write(f"{_WATCH}/words", "\n".join(secrets.words) + "\n", owner="root", mode=0o600)
    pid = vps.run(
        f"cd {_WATCH}; touch go; (while [ -e go ]; do "
        "grep -aslFf words /proc/[0-9]*/cmdline /proc/[0-9]*/environ >>hits; echo >>looks; "
        "done) </dev/null >/dev/null 2>&1 & echo $!"
    ).stdout.strip()
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()
        vps.run(f"rm {_WATCH}/go; while kill -0 {pid} 2>/dev/null; do sleep 0.1; done")
        assert looks > 10
        assert len(vps.read(f"{_WATCH}/looks").splitlines()) > 10
        seen.extend(vps.read(f"{_WATCH}/hits").split())
        vps.run(f"rm -r {_WATCH}")


def assert_nowhere(client: Client, vps: Vps, secrets: Secrets, ended: Ended) -> None:
    """Neither in what was said nor in any file of the two machines."""
    assert secrets.found_in(ended.text) == []
    for path in client.directory.rglob("*"):
        if path.is_file():
            assert secrets.found_in(path.read_bytes().decode("utf-8", "replace")) == [], path
    found = vps.run(
        "grep -rslaFf - /opt /home /root /tmp /var/tmp /var/log /run /etc",
        stdin="\n".join(secrets.words) + "\n",
        check=False,
    ).stdout
    assert found == ""


@pytest.mark.parametrize("options", [("--verbose",), thorough(("--json",))], ids=" ".join)
def test_a_run_shows_its_secrets_to_nobody(
    client: Client, vps: Vps, secrets: Secrets, options: tuple[str, ...]
) -> None:
    with watched(vps, secrets) as seen:
        for arguments, exit_status in (
            (("deploy", SERVICE, GOOD[0].tag), 0),
            (("deploy", SERVICE, EXITS_AT_ONCE.tag), 6),
            (("deploy", SERVICE, GOOD[1].tag), 0),
            (("rollback", SERVICE), 0),
            (("check",), 0),
            (("hold", SERVICE, "--reason", "audit"), 0),
            (("status",), 0),
        ):
            done = client.run(*arguments, *options)
            assert done.exit_status == exit_status, done.text
            assert secrets.found_in(done.text) == []
        ended = client.run("history", *options)
        settle(vps)

    assert seen == []
    assert secrets.found_in(vps.read(host.HISTORY)) == []
    assert_nowhere(client, vps, secrets, ended)


@pytest.mark.thorough
def test_a_traceback_shows_no_secret(client: Client, vps: Vps, secrets: Secrets) -> None:
    # A bug in what deployctl stands on, as deep as it can strike: while the key is in use.
    broken = client.directory / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import socket\n"
        "def fail(*a, **k):\n"
        "    raise RuntimeError('a bug to be seen')\n"
        "socket.socket.connect = fail\n"
        "socket.create_connection = fail\n"
    )

    for options in ((), ("--json",)):
        ended = client.run(
            *("deploy", SERVICE, GOOD[0].tag, *options),
            DEPLOYCTL_DEBUG="1",
            PYTHONPATH=str(broken),
        )

        assert ended.exit_status == 1, ended.text
        assert "Traceback" in ended.stderr
        assert "a bug to be seen" in ended.stderr
        assert_nowhere(client, vps, secrets, ended)


@pytest.mark.parametrize("secrets", ["passphrase"], indirect=True)
def test_a_key_that_cannot_be_used_is_named_and_not_shown(
    client: Client, vps: Vps, secrets: Secrets
) -> None:
    key = secrets.environment["DEPLOY_SSH_KEY"]
    passphrase = secrets.environment["DEPLOY_SSH_PASSPHRASE"]
    for wrong in (
        {"DEPLOY_SSH_KEY": key[:200], "DEPLOY_SSH_PASSPHRASE": passphrase},
        {"DEPLOY_SSH_KEY": key[30:], "DEPLOY_SSH_PASSPHRASE": passphrase},
        {"DEPLOY_SSH_KEY": key, "DEPLOY_SSH_PASSPHRASE": f"{passphrase}!"},
        {"DEPLOY_SSH_KEY": passphrase, "DEPLOY_SSH_PASSPHRASE": key},
    ):
        client.environment = wrong
        ended = client.run("status", DEPLOYCTL_DEBUG="1")

        assert ended.exit_status in {2, 4}, (wrong, ended.text)
        assert_nowhere(client, vps, secrets, ended)
