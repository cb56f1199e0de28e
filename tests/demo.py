"""`make demo`: deployctl's main job on a throw-away VPS, as it looks on a terminal.

A container that is a VPS comes up (sshd, its own Docker, Compose, a registry with releases);
everything after that is deployctl itself, called as a person would.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.client import SERVICE, Client
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD
from tests.vps.world import Vps, World

EXIT_RESTORED = 6


def main() -> None:
    """Show it, and fail if anything in it does not end as it should."""
    with World(_say) as world, tempfile.TemporaryDirectory() as directory:
        vps = world.vps()
        client = Client(Path(directory))
        client.write_inventory({"vps": vps})
        _show(client, vps)


def _show(client: Client, vps: Vps) -> None:
    _say("the VPS is up: sshd, its own Docker, Compose and a registry; /opt/infra is deployed")
    _call(client, "deploy", SERVICE, GOOD[0].tag)
    _call(client, "deploy", SERVICE, GOOD[1].tag)
    _serves(vps, GOOD[1].tag)
    _say("now a release that crashes as soon as it starts:")
    _call(client, "deploy", SERVICE, EXITS_AT_ONCE.tag, expect=EXIT_RESTORED)
    _serves(vps, GOOD[1].tag)
    _call(client, "status", SERVICE)
    _say("and back to the release before, with the registry down:")
    vps.registry_stop()
    _call(client, "rollback", SERVICE, GOOD[0].tag)
    _serves(vps, GOOD[0].tag)
    _call(client, "history", SERVICE)


def _call(client: Client, *arguments: str, expect: int = 0) -> None:
    print(f"\n$ deployctl {shlex.join(arguments)}", flush=True)
    environment = {**os.environ, "DEPLOYCTL_INVENTORY": str(client.inventory)}
    status = subprocess.run(
        [sys.executable, "-m", "deployctl", *arguments], env=environment, check=False
    ).returncode
    print(f"[exit status {status}]", flush=True)
    if status != expect:
        sys.exit(f"demo: expected exit status {expect}")


def _serves(vps: Vps, tag: str) -> None:
    served = vps.served()
    _say(f"the service answers over HTTP: {served}")
    if served != tag:
        sys.exit(f"demo: expected it to serve {tag}")


def _say(text: str) -> None:
    print(f"\n# {text}", flush=True)


if __name__ == "__main__":
    main()
