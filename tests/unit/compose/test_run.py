"""Staying with a run: what the client does when the connection breaks or the user stops it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import pytest

from deployctl import errors
from deployctl.compose import run
from deployctl.compose.host.transact import RunEvents
from deployctl.errors import (
    CommandTimeoutError,
    ConnectionLostError,
    DeployctlError,
    HostError,
    InterruptedByUserError,
    OutcomeUnknownError,
)
from deployctl.events import (
    ConnectionBack,
    ConnectionLost,
    Event,
    Notice,
    Phase,
    RunEnded,
    StepEnded,
    StepStarted,
)
from deployctl.inventory import Host
from deployctl.ssh.command import Command, Completed
from deployctl.ssh.connection import Connection
from deployctl.ssh.session import Session
from tests.unit.build import HOST, entry, plan, tag

PLAN = plan()


def said(event: str, what: str = "", text: str = "") -> bytes:
    encoded = base64.b64encode(text.encode()).decode()
    return json.dumps({"event": event, "what": what, "text": encoded}).encode()


def outcome(event: str, *, kind: str = "outcome") -> bytes:
    return said(kind, "entry", json.dumps(entry(2, 2, event, run=PLAN.run, previous=1)))


BEGUN = said("begun")
STEPS = [said("step", "tag"), said("step", "up"), said("step", "health")]
SUCCEEDED = outcome("succeeded")
LOST = ConnectionLostError("connection-lost", "the connection broke")
UNREACHABLE = HostError("unreachable", "vps does not answer")

# What one call of the host does: lines that it prints, then perhaps how it breaks off.
Script: TypeAlias = Sequence[bytes | BaseException | Callable[[], object]]


class World:
    """A host that follows a script: one list for each call; None: it cannot be reached."""

    def __init__(self, *calls: Script | None) -> None:
        self.calls: Iterator[Script | None] = iter(calls)
        self.sent: list[Command] = []
        self.answers: list[bytes | None] = []
        self.events: list[Event] = []
        self.next: list[Script] = []
        self.stderr = b""

    def connect(self, _: Host) -> Session:
        script = next(self.calls, None)
        if script is None:
            raise UNREACHABLE
        self.next.append(script)
        return ScriptedSession(self)

    @property
    def connection(self) -> Connection:
        return Connection(HOST, connect=self.connect)

    @property
    def commands(self) -> list[str]:
        """What was asked of transact.sh."""
        return [" ".join(command.argv[5:]) for command in self.sent]

    @property
    def steps(self) -> list[Phase]:
        return [e.phase for e in self.events if isinstance(e, StepStarted)]

    @property
    def notices(self) -> list[str]:
        return [e.text for e in self.events if isinstance(e, Notice)]

    @property
    def losses(self) -> list[str]:
        return [e.reason for e in self.events if isinstance(e, ConnectionLost)]

    @property
    def kinds(self) -> list[type[Event]]:
        return [type(e) for e in self.events]


class ScriptedSession(Session):
    """A connection on which the script of the world is played, one call after the other."""

    def __init__(self, world: World) -> None:
        self._world = world

    def close(self) -> None:
        pass

    def run(
        self,
        command: Command,
        *,
        timeout: float,
        on_line: Callable[[bytes], bytes | None] | None = None,
        answers: bool = True,
        meanwhile: Callable[[], object] | None = None,
    ) -> Completed:
        assert timeout > 0
        assert answers
        assert on_line
        assert meanwhile is None
        world = self._world
        world.sent.append(command)
        script = world.next.pop() if world.next else next(world.calls, None)
        if script is None:
            raise LOST
        for step in script:
            if isinstance(step, BaseException):
                raise step
            if isinstance(step, bytes):
                world.answers.append(on_line(step))
            else:
                step()
        return Completed(0, b"", world.stderr)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that gives up after a moment."""
    monkeypatch.setattr(run, "RECONNECT_LIMIT", 0.3)
    monkeypatch.setattr(run, "RECONNECT_PAUSE", 0.01)


def run_in(world: World) -> RunEvents:
    return run.run(world.connection, PLAN, world.events.append)


def failure(world: World) -> DeployctlError:
    with pytest.raises(DeployctlError) as caught:
        run_in(world)
    return caught.value


# ---------------------------------------------------------------- a whole run


def test_a_run_that_succeeds_is_one_command_and_its_steps_are_told() -> None:
    world = World([BEGUN, *STEPS, SUCCEEDED])

    found = run_in(world).entry()

    assert found
    assert found.release.tag == tag(2)
    assert world.steps == [Phase.TAG, Phase.UP, Phase.HEALTH]
    assert len(world.commands) == 1
    assert world.commands[0].startswith("begin ")


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ([BEGUN, outcome("restored")], errors.EXIT_RESTORED),
        ([BEGUN, outcome("broken")], errors.EXIT_BROKEN),
        ([BEGUN, outcome("started", kind="ended")], errors.EXIT_BROKEN),
        ([said("busy", "holder", "{}")], errors.EXIT_BUSY),
        ([said("changed", "history")], errors.EXIT_BUSY),
        ([said("cancelled")], errors.EXIT_UNREACHABLE),
        ([BEGUN, said("refused", "history")], errors.EXIT_UNREACHABLE),
    ],
)
def test_every_other_end_is_an_error_with_its_status(script: Script, status: int) -> None:
    assert failure(World(script)).exit_status == status


def test_a_client_that_waits_answers_each_question_and_tells_the_holder_once() -> None:
    waiting = said("waiting", "holder", '{"run":"r","by":"sam","action":"deploy"}')
    world = World([waiting, waiting, BEGUN, SUCCEEDED])

    run_in(world)

    assert world.answers == [b"still here\n", b"still here\n", None, None]
    assert world.steps == [Phase.WAIT]


# ---------------------------------------------------------------- the connection is lost


@pytest.mark.parametrize("heard", range(5))
def test_a_connection_that_breaks_after_any_line_is_made_again(heard: int) -> None:
    lines: list[bytes | BaseException] = [BEGUN, *STEPS, SUCCEEDED]
    world = World([*lines[:heard], LOST], [*STEPS, SUCCEEDED])

    run_in(world)

    assert world.steps == [Phase.TAG, Phase.UP, Phase.HEALTH]
    assert [command.split()[0] for command in world.commands] == ["begin", "follow"]
    # Of a run that was heard to begin, nobody can say that it never will.
    cancel = "no" if heard else "yes"
    assert f"--cancel {cancel} --watch yes" in world.commands[1]
    assert world.losses == ["the connection broke"]
    assert ConnectionBack("vps") in world.events


def test_an_outcome_that_was_heard_before_the_connection_broke_is_enough() -> None:
    world = World([BEGUN, SUCCEEDED, LOST])

    run_in(world)

    assert len(world.commands) == 1


def test_a_command_that_takes_too_long_is_followed_again() -> None:
    late = CommandTimeoutError("command-timeout", "did not end")
    world = World([BEGUN, late], [SUCCEEDED])

    run_in(world)


def test_the_host_may_be_out_of_reach_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "RECONNECT_LIMIT", 30.0)
    world = World([BEGUN, LOST], None, None, None, [LOST], [STEPS[2], LOST], [SUCCEEDED])

    run_in(world)

    assert world.losses.count("vps does not answer") == 3
    assert world.kinds.count(ConnectionBack) == 2, "once the host is heard, not at each attempt"


def test_a_host_that_stays_out_of_reach_is_given_up_and_the_outcome_is_not_guessed() -> None:
    error = failure(World([BEGUN, LOST]))

    assert isinstance(error, OutcomeUnknownError)
    assert error.exit_status == errors.EXIT_UNKNOWN
    assert error.hint == f"deployctl follow vps {PLAN.run}"
    assert error.message.endswith("had begun")


def test_a_run_that_was_not_heard_to_begin_may_have_begun() -> None:
    assert "may have begun" in failure(World([LOST])).message


def test_a_host_that_stays_out_of_reach_is_asked_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, pauses = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.undo()  # the patience of a real client
    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    failure(World([BEGUN, LOST], None, None, [STEPS[0], LOST]))

    assert pauses[:3] == [1.0, 1.5, 1.0], "a word from the host, and the pauses begin anew"
    assert pauses[3:] == sorted(pauses[3:])
    assert pauses[-1] == run.LONGEST_PAUSE
    assert len(pauses) < 20, "in 90 s"


def test_a_host_that_only_talks_gibberish_is_given_up() -> None:
    world = World([BEGUN, LOST], *[[b"Welcome!", b"[]"]] * 10_000)

    assert failure(world).exit_status == errors.EXIT_UNKNOWN


def test_a_run_that_was_quiet_for_long_is_still_reconnected_to() -> None:
    quiet: Script = [lambda: time.sleep(0.4), LOST]
    world = World([BEGUN, LOST], quiet, quiet, [SUCCEEDED])

    run_in(world)


def test_an_outcome_that_cannot_be_read_is_asked_for_again() -> None:
    garbled = b'{"event":"outcome","what":"entry","text":"not base64"}'
    world = World([BEGUN, garbled], [SUCCEEDED])

    run_in(world)

    assert len(world.commands) == 2


def test_a_run_that_had_not_begun_when_the_connection_broke_is_cancelled() -> None:
    error = failure(World([LOST], [said("cancelled")]))

    assert error.exit_status == errors.EXIT_UNREACHABLE
    assert error.state == errors.UNTOUCHED


def test_a_host_that_runs_no_command_was_not_touched() -> None:
    refused = HostError("session-refused", "opens no session")

    assert failure(World([refused])) is refused


def test_what_the_script_says_on_stderr_is_told() -> None:
    world = World([], [said("cancelled")])
    world.stderr = b"sh: 1: flock: not found\n"

    failure(world)

    assert "sh: 1: flock: not found" in world.notices


# ---------------------------------------------------------------- when it was


def test_steps_and_the_end_of_a_run_are_told_with_the_times_that_the_host_recorded() -> None:
    def at(what: str, seconds: object) -> bytes:
        return json.dumps({"event": "step", "what": what, "seconds": seconds}).encode()

    # Of hosts nothing is believed, and one that says no time has none.
    steps = [at("tag", 0.25), at("up", "soon"), at("health", True), STEPS[0], at("restore", 1e99)]
    world = World([BEGUN, *steps, outcome("restored")])
    failure(world)

    told = [e.at for e in world.events if isinstance(e, StepStarted)]
    assert told == [0.25, None, None, None]
    assert world.events[-1] == RunEnded("vps", 1.5)


def test_when_a_run_that_was_killed_came_to_its_end_is_not_known() -> None:
    world = World([BEGUN, STEPS[0], outcome("started", kind="ended")])
    failure(world)

    assert world.events[-1] == RunEnded("vps", None)


# ---------------------------------------------------------------- the user stops it


def stopped(world: World) -> str:
    error = failure(world)
    assert isinstance(error, InterruptedByUserError)
    assert error.exit_status == errors.EXIT_INTERRUPTED
    return error.state


def test_ctrl_c_before_the_change_began_cancels_the_run() -> None:
    world = World([KeyboardInterrupt()], [said("cancelled")])

    assert "nothing on the host was changed" in stopped(world)
    assert "--cancel yes --watch no" in world.commands[1]


def test_ctrl_c_after_the_change_began_says_that_it_goes_on() -> None:
    world = World([BEGUN, KeyboardInterrupt()])

    assert "had begun on vps" in stopped(world)
    assert len(world.commands) == 1


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ([BEGUN], "goes on"),
        ([SUCCEEDED], "had ended"),
        ([outcome("started", kind="ended")], "had ended"),
        ([said("ended")], "nothing on the host was changed"),
        ([said("busy")], "nothing on the host was changed"),
        ([], "may have begun"),
        ([b"Welcome!"], "may have begun"),
        ([LOST], "may have begun"),
        ([KeyboardInterrupt()], "may have begun"),
    ],
)
def test_ctrl_c_at_an_unknown_moment_asks_how_the_run_stands(answer: Script, state: str) -> None:
    assert state in stopped(World([KeyboardInterrupt()], answer))


def test_ctrl_c_behind_the_line_of_another_run_does_not_say_that_ours_had_ended() -> None:
    another = said("changed", "history", text=json.dumps(entry(2, 2, run="another")))

    assert "nothing on the host was changed" in stopped(World([KeyboardInterrupt()], [another]))


def test_ctrl_c_while_the_host_is_out_of_reach_says_that_the_run_goes_on() -> None:
    world = World([BEGUN, LOST], [KeyboardInterrupt()])

    assert "goes on" in stopped(world)


# ---------------------------------------------------------------- follow


def test_a_follow_never_cancels_a_run() -> None:
    world = World([STEPS[0], LOST], [SUCCEEDED])

    events = run.watch_again(world.connection, "/state", "run-1", world.events.append)

    assert events.end == "outcome"
    assert world.events[0] == StepEnded("vps"), "connecting went well, whatever is found there"
    assert all("--cancel no" in command for command in world.commands)


def test_a_host_that_cannot_be_reached_at_all_is_an_error_at_once() -> None:
    with pytest.raises(HostError) as caught:
        run.watch_again(World(None).connection, "/state", "run-1", lambda _: None)

    assert caught.value is UNREACHABLE
