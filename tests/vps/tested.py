"""Which versions of Docker and the rest the tests run with, as a table for the docs.

`scripts/with-docker .venv/bin/python -m tests.vps.tested` starts a VPS of each system, asks it, and
writes the table anew.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from tests.vps.systems import SYSTEMS
from tests.vps.world import Vps, World

PAGE: Final = Path(__file__).parents[2] / "docs" / "host-requirements.md"
HEAD: Final = (
    "| Debian | Docker | image store | Compose | OpenSSH | cosign | what runs on it |",
    "|---|---|---|---|---|---|---|",
)
COMMANDS: Final = {
    "docker": "docker version --format '{{.Server.Version}}'",
    "compose": "docker compose version --short",
    "ssh": "/usr/sbin/sshd -V 2>&1",
    # Debian's cosign does not know its own version.
    "cosign": "dpkg-query --show --showformat='${Version}' cosign",
}


def row(vps: Vps) -> str:
    """Return the line of the table about the system that a VPS runs, as it says itself."""
    versions = {name: _version(vps.run(command).stdout) for name, command in COMMANDS.items()}
    system = vps.system
    cells = (
        system.suite,
        versions["docker"],
        f"{system.image_store}'s",
        versions["compose"],
        versions["ssh"],
        versions["cosign"],
        system.scenarios,
    )
    return f"| {' | '.join(cells)} |"


def _version(text: str) -> str:
    """Return the first two numbers of a version: the rest changes with each security update."""
    found = re.search(r"\d+\.\d+", text)
    if found is None:
        raise ValueError(f"no version: {text!r}")
    return found[0]


def _row_of_a_new_one(name: str) -> str:
    with World(_say, SYSTEMS[name]) as world:
        return row(world.vps())


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def with_table(page: str, rows: list[str]) -> str:
    """Return the page with these rows in its table."""
    lines = page.splitlines()
    start = lines.index(HEAD[0])
    end = next(at for at in range(start, len(lines)) if not lines[at].startswith("|"))
    return "\n".join([*lines[:start], *HEAD, *rows, *lines[end:]]) + "\n"


def main() -> None:
    """Write the table."""
    rows = [_row_of_a_new_one(name) for name in SYSTEMS]
    PAGE.write_text(with_table(PAGE.read_text(), rows))


if __name__ == "__main__":
    main()
