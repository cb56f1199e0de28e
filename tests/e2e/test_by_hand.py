"""What a person types on the host where deployctl cannot be used, taken from the page for that."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from tests.e2e import host
from tests.e2e.client import Client
from tests.e2e.steps import container_ids, deploy, status
from tests.vps.catalogue import GOOD
from tests.vps.world import Vps

PAGE = (Path(__file__).parents[2] / "docs/at-a-bad-moment.md").read_text("utf-8")


def blocks() -> list[str]:
    """The blocks of the way by hand, in their order; the last is for the time afterwards."""
    section = PAGE.partition("\n## By hand")[2].partition("\n## ")[0]
    found = re.findall(r"(?ms)^( *)```sh\n(.*?)^\1```", section)
    return [textwrap.dedent(block) for _, block in found]


def test_the_way_back_by_hand_works_as_it_is_written(deployed: Client, vps: Vps) -> None:
    deploy(deployed, vps, GOOD[1])
    vps.registry_stop()
    directory, keep_others_out, look, choose, name, run, healthy, afterwards = blocks()

    def typed(lines: str) -> str:
        return vps.run(f"set -eu\n{directory}{lines}", user="deploy").stdout

    assert typed(keep_others_out) == "no run is under way\n"
    assert GOOD[1].image in typed(look)
    chosen = typed(choose)
    assert chosen.count(GOOD[0].tag) == 2  # it succeeded, and its image is kept
    typed(name)
    assert "/opt/infra/compose/docker-compose.yml,/opt/infra/" in typed(run)
    host.await_(vps, f"{directory}{healthy.strip()} | grep -q '(healthy)'")
    assert vps.served() == GOOD[0].tag
    assert vps.db_counter() == 1

    # deployctl finds it again, and takes the bad release for none to go back to.
    containers = container_ids(vps)
    found, recorded, lifted = (line.split()[1:] for line in afterwards.splitlines())
    assert "untracked (hold)" in deployed.run(*found).stdout
    assert deployed.run(*recorded).exit_status == 0
    assert container_ids(vps) == containers
    assert deployed.run(*lifted).exit_status == 0
    now = status(deployed)
    assert (now["state"], now["hold"], now["rollback"]) == ("in sync", None, None)
