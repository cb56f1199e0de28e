"""What another user of the host can do against deployctl, done by a real one: `plain`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.steps import BACKEND_FILE, deploy, edit, refuse, status
from tests.e2e.test_registry_login import LOGIN
from tests.vps.catalogue import GOOD
from tests.vps.world import REGISTRY, REGISTRY_AUTH, REGISTRY_PASSWORD, Vps

MALLORY = "plain"
TOKEN = {"REGISTRY_TOKEN": REGISTRY_PASSWORD}


@contextmanager
def holding(vps: Vps, path: str, *flags: str) -> Iterator[str]:
    """Mallory holds a lock on what she may open, until the block ends; its process id."""
    pid = vps.run(
        f"exec 3<{path}; flock -n {' '.join(flags)} 3 || exit 1\n"
        "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo $!",
        user=MALLORY,
    ).stdout.strip()
    try:
        yield pid
    finally:
        vps.run(f"kill {pid}")


def leave_open(vps: Vps) -> None:
    """As the version before had it."""
    vps.run(
        f"cd {host.STATE}; mkdir -p holds; chmod 755 . holds; chmod 644 lock history.jsonl reserve",
        user="deploy",
    )


def test_nobody_else_can_open_what_is_locked_or_recorded(deployed: Client, vps: Vps) -> None:
    assert deployed.run("hold", SERVICE, "--reason", "audit").exit_status == 0

    for attack in (
        f"flock -n {host.LOCK} true",
        f"flock -n -s {host.STATE} true",
        f"flock -n {host.STATE}/holds true",
        f"cat {host.HISTORY}",
        f"ls {host.STATE}",
        f"mv {host.LOCK} /tmp/",
    ):
        assert vps.run(attack, user=MALLORY, check=False).returncode != 0, attack
    closed = vps.run(f"find {host.STATE} -perm /077").stdout
    assert closed == ""


def test_a_lock_taken_while_it_was_open_is_named_and_ends_with_its_holder(
    deployed: Client, vps: Vps
) -> None:
    leave_open(vps)
    for flags in ("-x", "-s"):
        with holding(vps, host.LOCK, flags):
            checked = deployed.run("check", SERVICE)
            assert checked.exit_status == 5, checked.text
            assert "held by no run of deployctl" in checked.stdout
            assert f"fuser -v {host.LOCK}" in checked.stdout
            waited = deployed.run("deploy", SERVICE, GOOD[1].tag, "--wait", "1s", "--json")
            assert waited.exit_status == 5, waited.text
            assert waited.json["error"]["code"] == "lock-taken"
            assert GOOD[0].tag not in waited.json["error"]["message"]
            row = status(deployed)
            assert (row["state"], row["run_in_progress"]) == ("in sync", None)
        # The run that was refused has closed it, before it asked for the lock.
        assert vps.run(f"flock -n {host.LOCK} true", user=MALLORY, check=False).returncode != 0
        leave_open(vps)
    with holding(vps, host.LOCK):
        refused = refuse(deployed, vps, 5, "deploy", SERVICE, GOOD[1].tag, "--json")
        assert refused.json["error"]["code"] == "lock-taken"
        assert "lock is held by no run" in " ".join(status(deployed)["notes"])
        # A hold needs no lock.
        assert deployed.run("hold", SERVICE, "--reason", "mallory").exit_status == 0
    leave_open(vps)
    with holding(vps, f"{host.STATE}/holds", "-s"):
        lifted = deployed.run("unhold", SERVICE, "--json")
        assert lifted.exit_status == 5, lifted.text
        assert lifted.json["hosts"][0]["error"]["code"] == "lock-taken"
    assert deployed.run("unhold", SERVICE).exit_status == 0

    deploy(deployed, vps, GOOD[1])


@pytest.fixture
def operator(vps: Vps) -> Iterator[str]:
    """Another login that may use docker, but is not the one that deploys."""
    vps.run(f"usermod -aG docker {MALLORY}")
    yield MALLORY
    vps.run(f"gpasswd -d {MALLORY} docker")


def test_another_login_is_told_whose_the_record_is(
    deployed: Client, vps: Vps, operator: str
) -> None:
    run = host.history(vps)[-1]["run"]
    deployed.write_inventory({"vps": vps}, user=operator)

    row = status(deployed)
    assert (row["state"], row["running"]["tag"]) == ("unreadable", GOOD[0].tag)
    assert "directory on the host is deploy's" in " ".join(row["notes"])
    assert "ask as deploy" in " ".join(row["notes"])
    history = deployed.run("history", SERVICE)
    assert history.exit_status == 4, history.text
    assert f"{host.STATE} on vps is deploy's" in history.text
    followed = deployed.run("follow", "vps", run)
    assert followed.exit_status == 4, followed.text
    assert "another user's" in followed.stderr
    refused = deployed.run("deploy", SERVICE, GOOD[1].tag)
    assert refused.exit_status == 4, refused.text
    assert "deploy as deploy (user in [hosts.vps])" in refused.stderr
    checked = deployed.run("check", SERVICE)
    assert checked.exit_status == 4, checked.text
    assert f"{host.STATE} on vps is deploy's" in checked.stdout


# ---------------------------------------------------------------- the registry login


@pytest.fixture
def private(client: Client, vps: Vps) -> Iterator[Client]:
    """A client of a VPS whose backend comes from a registry that asks for a login."""
    vps.registry_auth_start()
    edit(vps, BACKEND_FILE, f"{REGISTRY}/{SERVICE}", f"{REGISTRY_AUTH}/{SERVICE}")
    client.write_inventory({"vps": vps}, service=LOGIN)
    yield Client(client.directory, TOKEN)
    vps.run("rm -rf /dev/shm/* && mountpoint -q /tmp && umount -l /tmp || true")


def fill(vps: Vps, place: str) -> None:
    """Mallory leaves no block of it free."""
    vps.run(f"dd if=/dev/zero of={place}/ballast bs=4096 2>/dev/null", user=MALLORY, check=False)


def test_no_name_in_a_shared_place_makes_a_fetch_remove_a_file(private: Client, vps: Vps) -> None:
    # A file that belongs to deploy and that anybody may write, so anybody may link it.
    vps.write("/tmp/shared", "", mode=0o666)
    vps.run("cp -r /home/deploy/.ssh /tmp/ssh; install -d -o deploy /home/deploy/precious")
    vps.run(
        "cd /tmp; old=deployctl-login-$(id -u deploy)\n"
        'for name in "$old-1\n.ssh" "$old-2\nprecious" "$old-3" deployctl-login.abcdef; do\n'
        '  ln shared "$name"\ndone\n'
        'ln -s /home/deploy/precious "$old-4"; ln -s /home/deploy/precious deployctl-login.ABCDEF\n'
        'mkdir "$old-5" deployctl-login.012345; touch "$old-5/lock"',
        user=MALLORY,
    )

    deploy(private, vps, GOOD[0])

    assert vps.run("ls -d /home/deploy/.ssh/authorized_keys /home/deploy/precious").stdout
    assert vps.run("diff -r /home/deploy/.ssh /tmp/ssh").stdout == ""
    assert vps.run("ls -A /home/deploy/precious").stdout == ""
    assert vps.run("ls -d /tmp/deployctl-login* | wc -l").stdout == "10\n"


@pytest.mark.thorough
def test_places_that_others_fill_are_passed_over_and_told(private: Client, vps: Vps) -> None:
    fill(vps, "/dev/shm")
    deploy(private, vps, GOOD[0])

    # Were it full, docker's own health checks would fail.
    vps.run("mount -t tmpfs -o mode=1755 tmpfs /tmp")
    refused = refuse(private, vps, 3, "deploy", SERVICE, GOOD[1].tag, "--json")
    error = refused.json["error"]
    assert error["code"] == "login-no-place"
    assert error["message"].endswith("/dev/shm is full, /tmp cannot be written")
    checked = private.run("check", SERVICE)
    assert checked.exit_status == 3, checked.text
    assert "no place on vps takes the registry login" in checked.stdout

    vps.run("rm /dev/shm/ballast")
    deploy(private, vps, GOOD[1])
