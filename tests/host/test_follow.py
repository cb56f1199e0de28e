"""A run whose client is lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest

from deployctl.compose import run
from deployctl.compose.host.transact import begin_command
from deployctl.compose.plan import Plan
from deployctl.inventory import Host
from deployctl.ssh.connection import Connection
from tests.host.fake_host import (
    FakeHost,
    LocalSession,
    one_shell,
)
from tests.unit.build import tag


@one_shell
@pytest.mark.slow
def test_a_client_that_is_cut_off_after_any_line_learns_the_outcome(ready: FakeHost) -> None:
    plan = ready.plan(3)
    lines = len(all_lines(ready.copy(ready.root.parent / "whole"), plan))
    assert lines > 3

    for cut_after in range(1, lines + 1):
        twin = ready.copy(ready.root.parent / f"cut-{cut_after}")
        sessions = iter([LocalSession(twin, cut_after=cut_after)])
        connect = reconnecting(twin, sessions)
        connection = Connection(Host(name="vps", address="vps"), connect=connect)
        run.run(connection, dataclasses.replace(plan, service=twin.service), lambda _: None)
        assert twin.serves() == 3


def all_lines(host: FakeHost, plan: Plan) -> list[bytes]:
    """What a run prints."""
    lines: list[bytes] = []
    command = begin_command(dataclasses.replace(plan, service=host.service))
    LocalSession(host).run(command, timeout=30, on_line=lines.append)
    return lines


def reconnecting(host: FakeHost, first: Iterator[LocalSession]) -> Callable[[Host], LocalSession]:
    """Connect with the given sessions first, then with good ones."""
    return lambda _: next(first, LocalSession(host))


@one_shell
def test_zero_bytes_that_a_power_cut_left_do_not_hide_an_outcome(ready: FakeHost) -> None:
    ready.deploy(3)
    run = ready.lines()[-1]["run"]
    history = ready.state / "history.jsonl"
    history.write_bytes(b"\0" * 8 + b"\n" + history.read_bytes())
    (ready.state / "runs" / run / "outcome").unlink()

    assert ready.follow(run).release.tag == tag(3)


def test_the_change_goes_on_when_the_foreground_is_killed(ready: FakeHost) -> None:
    ready.push(3, "slow")
    ready.service = dataclasses.replace(ready.service, health_timeout=30.0)
    plan = ready.plan(3)
    with LocalSession(ready).started(begin_command(plan)) as process:
        assert process.stdout
        while b'"step"' not in process.stdout.readline():
            pass
        process.kill()

    assert ready.follow(plan.run).release.tag == tag(3)
    assert ready.serves() == 3
