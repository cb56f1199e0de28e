"""A script that arrives in part, wherever it is cut off, says nothing and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from deployctl.compose.host.check import check_command
from deployctl.compose.host.fetch import fetch_command
from deployctl.compose.host.hold import hold_command
from deployctl.compose.host.probe import probe_command
from deployctl.compose.host.script import FILES, script_text
from deployctl.compose.host.transact import begin_command
from deployctl.release.origin import Origin
from deployctl.ssh.command import Command
from tests.host.fake_host import FETCHED, PROJECT, REPOSITORY, FakeHost, LocalSession
from tests.host.test_probe import snapshot
from tests.unit.build import tag

COMMANDS: dict[str, Callable[[FakeHost], Command]] = {
    "probe.sh": lambda host: probe_command(host.service, change=True),
    "fetch.sh": lambda _: fetch_command(f"{REPOSITORY}:{tag(4)}", FETCHED),
    "transact.sh": lambda host: begin_command(host.plan(3)),
    "hold.sh": lambda host: hold_command(host.service, Origin("kim", "terminal"), "audit"),
    "check.sh": lambda host: check_command(host.service, PROJECT),
}


@pytest.mark.parametrize("name", FILES)
def test_a_script_that_arrives_in_part_does_nothing(ready: FakeHost, name: str) -> None:
    command, script = COMMANDS[name](ready), script_text(name)
    ready.forget_calls()
    before = snapshot(ready.root)

    for text in truncations(script):
        assert LocalSession(ready).run(cut(command, script, text), timeout=10).stdout == b""

    assert snapshot(ready.root) == before


def cut(command: Command, script: str, text: str) -> Command:
    """Return the command with another text in the place of its script."""
    return Command(tuple(text if word == script else word for word in command.argv))


def truncations(script: str) -> Iterator[str]:
    """The script cut off here and there, and at each byte of its last line."""
    last = script.rindex("main")
    yield from (script[:end] for end in range(0, last, 997))
    yield from (script[:end] for end in range(last, len(script.rstrip())))
