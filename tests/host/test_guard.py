"""The guardian: puts right what a killed run left, and takes back nothing from one that is done."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deployctl.compose.host.transact import begin_command
from deployctl.errors import BrokenError, DeployctlError, RestoredError
from deployctl.ssh.command import Command
from tests.host.fake_host import FakeHost, one_shell, wait_until_tidy


def call_number(host: FakeHost, words: str, number: int = 3) -> int:
    """Return which call of a deploy has these words in it; the host's calls are forgotten."""
    twin = host.copy(host.root.parent / "twin")
    plan = twin.plan(number)
    twin.forget_calls()
    with contextlib.suppress(RestoredError):
        twin.run(plan)
    wait_until_tidy(twin)
    host.forget_calls()
    return next(n for n, call in enumerate(twin.calls("transact"), 1) if words in call)


def wait_until_nobody_works(host: FakeHost) -> None:
    """The lock may be gone: what counts are processes of the host."""
    give_up = time.monotonic() + 60
    while any(map(host_works_in(host), Path("/proc").glob("[0-9]*/environ"))):
        assert time.monotonic() < give_up
        time.sleep(0.02)


def host_works_in(host: FakeHost) -> Callable[[Path], bool]:
    """Return what says whether a process belongs to the host, by its environment."""
    mark = f"FAKE={host.fake}\0".encode()

    def is_of_host(environment: Path) -> bool:
        with contextlib.suppress(OSError):
            return mark in environment.read_bytes()
        return False

    return is_of_host


def test_a_success_whose_record_was_removed_while_it_tidied_up_stays(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.break_at("transact", call_number(ready, "docker image rm"), "lose:*")

    # A client that had not seen the outcome when it was removed only knows that the run had begun.
    with contextlib.suppress(BrokenError):
        ready.run(plan)
    wait_until_nobody_works(ready)

    assert ready.serves() == 3


@pytest.mark.parametrize(
    "flavour", ["dash", pytest.param("busybox", marks=pytest.mark.slow)], indirect=True
)
def test_a_success_that_cannot_be_recorded_at_all_stays(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.break_at("transact", call_number(ready, " up ") + 1, "block:*")

    with pytest.raises(DeployctlError):
        ready.run(plan)
    wait_until_nobody_works(ready)

    assert ready.serves() == 3


@one_shell
def test_zero_bytes_in_the_history_do_not_blind_it(ready: FakeHost) -> None:
    with (ready.state / "history.jsonl").open("ab") as file:
        file.write(bytes(4))
    plan = ready.plan(3)
    ready.break_at("transact", call_number(ready, " up ") + 2, "kill-shell")

    with pytest.raises(RestoredError):
        ready.run(plan)

    assert ready.serves() == 2


@one_shell
def test_one_that_cannot_say_that_it_is_there_keeps_no_run_waiting(ready: FakeHost) -> None:
    command = begin_command(ready.plan(3))
    mute = command.argv[4].replace('true >"$run_directory/guarded"', "false")
    assert mute != command.argv[4]

    said = ready.events_of(Command((*command.argv[:4], mute, *command.argv[5:])))

    assert said.end == "outcome"
    assert ready.serves() == 3


@pytest.mark.slow
@one_shell
def test_the_time_that_is_told_is_the_one_that_the_release_had(empty: FakeHost) -> None:
    empty.push(1, "never")
    empty.service = dataclasses.replace(empty.service, health_timeout=1.5)

    with pytest.raises(BrokenError) as caught:
        empty.deploy(1)

    assert "within 1.5 s (health_timeout)" in caught.value.message
