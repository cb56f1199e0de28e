"""What a newcomer types, taken from the README: from no key to a deploy and the way back."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import SERVICE, Client, Ended
from tests.vps.catalogue import GOOD
from tests.vps.world import Vps

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
# The README's user is there already on a VPS of the tests; another name makes the same one anew.
USER = "newcomer"
AUTHORIZED = f"/home/{USER}/.ssh/authorized_keys"


def steps() -> list[str]:
    """The blocks of the first deploy, in their order, for our user."""
    section = README.partition("\n## First deploy")[2].partition("\n## ")[0]
    blocks = re.findall(r"(?ms)^ +```\w+\n(.*?)^ +```", section)
    return [re.sub(r"\bdeploy\b(?! SERVICE| enforcer)", USER, textwrap.dedent(b)) for b in blocks]


@pytest.fixture
def own_host(vps: Vps) -> Iterator[Vps]:
    """A VPS that gets a user of its own, and loses it again."""
    yield vps
    vps.run(f"pkill -KILL -u {USER}; userdel -f -r {USER} 2>/dev/null; true")


def typed(client: Client, script: str) -> Ended:
    """Type lines of the README on the client."""
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=client.directory,
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(client.directory),
            **client.environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def test_the_first_deploy_of_the_readme_works_as_it_is_written(
    client: Client, own_host: Vps
) -> None:
    make_key, as_root, fingerprint, inventory, first_deploy = steps()

    assert typed(client, make_key).exit_status == 0
    public = (client.directory / "deploy_key.pub").read_text().strip()
    own_host.run("set -eu\n" + as_root.replace("ssh-ed25519 AAAA… deployctl", public))
    assert own_host.read(AUTHORIZED) == f"restrict {public}\n"
    printed = own_host.run(fingerprint).stdout.split()[1]
    written = inventory.replace("SHA256:…", printed)
    client.inventory.write_text(re.sub(r"# (port +=) 2222", rf"\1 {own_host.port}", written))
    client.environment["VPS_HOST"] = own_host.host

    first = typed(client, first_deploy)

    assert first.exit_status == 0, first.text
    assert own_host.served() == GOOD[0].tag

    # The key may do no more than the README says, and that is enough for everything else.
    client.environment["DEPLOY_SSH_KEY"] = (client.directory / "deploy_key").read_text()
    second = client.run("deploy", SERVICE, GOOD[1].tag, "--json")
    assert second.exit_status == 0, second.text
    run = second.json["hosts"][0]["run"]
    followed = client.run("follow", "vps", run)
    assert followed.exit_status == 0, followed.text
    back = client.run("rollback", SERVICE)
    assert back.exit_status == 0, back.text
    assert own_host.served() == GOOD[0].tag
    assert client.run("status", SERVICE, "--check").exit_status == 0

    # A login with it on a jump host is refused, unless it may forward a port.
    (client.directory / ".ssh").mkdir()
    (client.directory / ".ssh/known_hosts").write_text(own_host.known_hosts())
    jump = f'proxy_jump = "{USER}@{own_host.host}:{own_host.port}"'
    text = client.inventory.read_text().replace(f"port   = {own_host.port}", f"port = 22\n{jump}")
    client.inventory.write_text(text)
    client.environment["VPS_HOST"] = own_host.ip
    refused = client.run("status", SERVICE)
    assert (refused.exit_status, "jump host" in refused.text) == (4, True), refused.text
    own_host.run(f"sed -i s/^restrict/restrict,port-forwarding/ {AUTHORIZED}")
    assert client.run("status", SERVICE).exit_status == 0
