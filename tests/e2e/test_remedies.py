"""Bad nights: an error says what to type, and what it says works as it stands."""

from __future__ import annotations

import re

from tests.e2e import host
from tests.e2e.client import SERVICE, Client, Ended
from tests.e2e.steps import BACKEND_FILE, deploy, edit, refuse, rollback
from tests.vps.catalogue import GOOD
from tests.vps.world import INFRA, Vps


def remedy(ended: Ended, pattern: str) -> str:
    """The command in an error's hint."""
    error = ended.json["error"]
    found = re.search(pattern, error["hint"])
    assert found, error
    return found[1]


def test_a_fresh_host_and_a_broken_compose_file_are_put_right_by_the_command_that_is_named(
    ready: Client, vps: Vps
) -> None:
    vps.run(f"chown root: {INFRA}")
    fresh = refuse(ready, vps, 4, "deploy", SERVICE, GOOD[0].tag, "--json")
    vps.run(remedy(fresh, r"(?m)^(install -d .*)$"))
    deploy(ready, vps, GOOD[0])
    assert vps.run(f"stat -c '%U %a' {host.STATE}").stdout == "deploy 700\n"
    deploy(ready, vps, GOOD[1])

    edit(vps, BACKEND_FILE, "services:", "services: [")
    broken = refuse(ready, vps, 4, "rollback", SERVICE, "--json")
    show = remedy(broken, r"(?m)^(cd .*)$")
    shown = vps.run(show, user="deploy", check=False)
    assert shown.returncode != 0
    assert broken.json["error"]["details"][-1] in shown.stderr
    edit(vps, BACKEND_FILE, "services: [", "services:")
    assert vps.run(show, user="deploy").stdout == ""
    rollback(ready, vps, GOOD[0])


def test_a_full_disk_stops_a_deploy_once_the_reserve_is_used_and_is_called_by_its_name(
    ready: Client, vps: Vps
) -> None:
    vps.run(
        f"cd {INFRA}; install -d -o deploy .deployctl;"
        " mount -t tmpfs -o size=1m,mode=700,uid=$(id -u deploy) none .deployctl"
    )
    deploy(ready, vps, GOOD[0])
    deploy(ready, vps, GOOD[1])
    fill = f"head -c 2M /dev/zero >>{host.STATE}/filler"
    vps.run(fill, user="deploy", check=False)
    assert "but for a reserve of 64 KiB" in ready.run("check", "--json").text
    rollback(ready, vps, GOOD[0])
    vps.run(f"rm -f {host.STATE}/reserve; {fill}", user="deploy", check=False)
    recorded = vps.read(host.HISTORY)

    full = ready.run("deploy", SERVICE, GOOD[1].tag, "--json")
    checked = ready.run("check", "--json")

    assert (full.exit_status, checked.exit_status) == (4, 4)
    assert full.json["error"]["code"] == "disk-full"
    assert f"the disk of {host.STATE} on vps is full (0 KiB free)" in full.json["error"]["message"]
    assert f"df -h {host.STATE}" in full.json["error"]["hint"]
    assert "there is no reserve left" in checked.text
    assert vps.served() == GOOD[0].tag
    assert vps.read(host.HISTORY) == recorded
    vps.run(f"rm {host.STATE}/filler")
    deploy(ready, vps, GOOD[1])
