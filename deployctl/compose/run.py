"""Runs the transaction on one host and stays with it: follows, reconnects, never guesses."""

from __future__ import annotations

import time

from deployctl.compose import ending
from deployctl.compose.host.transact import (
    FOLLOW_LIMIT,
    RunEvents,
    abort_command,
    begin_command,
    begin_limit,
    follow_command,
    is_event,
    waiting_for,
)
from deployctl.compose.plan import Plan
from deployctl.compose.preconditions import script_failed
from deployctl.errors import (
    CommandTimeoutError,
    ConnectionLostError,
    HostError,
    InterruptedByUserError,
)
from deployctl.events import (
    ConnectionBack,
    ConnectionLost,
    Notice,
    Observer,
    Phase,
    RunEnded,
    StepEnded,
    StepStarted,
)
from deployctl.inventory import ComposeService
from deployctl.release.origin import Origin
from deployctl.ssh.command import Command
from deployctl.ssh.connection import Connection

RECONNECT_LIMIT = 90.0  # seconds without a word from the host before the client gives up
RECONNECT_PAUSE = 1.0  # seconds before the second attempt; each further one waits longer
LONGEST_PAUSE = 10.0
_PAUSE_GROWTH = 1.5
_CANCEL_LIMIT = 10.0

_PHASES = {phase.value: phase for phase in Phase}


class _Listener:
    """Takes in a run's lines: keeps its events, tells the observer, answers when asked."""

    def __init__(self, host: str, observer: Observer) -> None:
        self.events = RunEvents()
        self._host = host
        self._observer = observer
        self._waiting_for = ""
        self._told: set[str] = set()
        self._lost = False
        self._told_away = False
        self._told_abort = False
        self.words = 0

    def __call__(self, line: bytes) -> bytes | None:
        if is_event(line):
            self.words += 1
            self._tell_back()
        self.events = self.events.with_line(line)
        if (holder := waiting_for(line)) is not None:
            self._tell_waiting(holder.text)
            return b"still here\n"
        self._tell_step(self.events.step)
        self._tell_away()
        self._tell_abort()
        if self.events.end in {"outcome", "ended"}:
            self._observer(RunEnded(self._host, self.events.ended_at()))
        return None

    def lost(self, error: HostError) -> None:
        """Tell that nothing can be heard for now, and why."""
        self._lost = True
        self._observer(ConnectionLost(self._host, error.message))

    def _tell_back(self) -> None:
        if self._lost:
            self._lost = False
            self._observer(ConnectionBack(self._host))

    def _tell_step(self, step: str) -> None:
        """Once each: following a run again begins with the steps that were told before."""
        if step in _PHASES and step not in self._told:
            self._told.add(step)
            self._observer(StepStarted(self._host, _PHASES[step], at=self.events.step_at))

    def _tell_away(self) -> None:
        if self.events.docker_away and not self._told_away:
            self._told_away = True
            self._observer(Notice(self._host, "docker does not answer: the run waits for it"))

    def _tell_abort(self) -> None:
        if self.events.aborted and not self._told_abort:
            self._told_abort = True
            self._observer(Notice(self._host, "the run is aborted: what served before comes back"))

    def ended(self) -> bool:
        """Whether the run's end is known."""
        return bool(self.events.end)

    def _tell_waiting(self, holder: str) -> None:
        if holder != self._waiting_for:
            self._waiting_for = holder
            self._observer(StepStarted(self._host, Phase.WAIT, holder))


def run(connection: Connection, plan: Plan, observer: Observer) -> RunEvents:
    """Run a plan's transaction to its end and return its events.

    Raises:
        DeployctlError: every other end, with its exit status.
    """
    listener = _Listener(connection.host.name, observer)
    try:
        _begin(connection, plan, listener, observer)
        if not listener.ended():
            command = _follow(plan, cancel=not listener.events.begun)
            _follow_again(connection, command, plan.run, listener)
    except KeyboardInterrupt:
        raise _stopped_by_user(connection, plan, listener) from None
    ending.success_entry(listener.events, ending.Asked.by(plan, connection.host))
    return listener.events


def watch_again(
    connection: Connection, state_directory: str, run_id: str, observer: Observer
) -> RunEvents:
    """Watch a run until its end and return its events.

    Raises:
        OutcomeUnknownError: the connection is lost for good.
        HostError: the host cannot be reached in the first place.
    """
    listener = _Listener(connection.host.name, observer)
    command = follow_command(state_directory, run_id, cancel=False)
    _ = connection.session  # a host that cannot be reached at all is an error at once
    observer(StepEnded(connection.host.name))
    _follow_again(connection, command, run_id, listener)
    return listener.events


def abort_and_watch(
    connection: Connection, service: ComposeService, origin: Origin, observer: Observer
) -> RunEvents:
    """Abort the run of a service that is under way, watch it to its end and return its events.

    Raises:
        OutcomeUnknownError: the connection is lost for good.
        InterruptedByUserError: the user stopped the watching.
        HostError: the host cannot be reached in the first place, or not be asked.
    """
    listener = _Listener(connection.host.name, observer)
    _ = connection.session  # connects
    observer(StepEnded(connection.host.name))
    try:
        _abort(connection, service, origin, listener)
        if not listener.ended():
            run_id = listener.events.aborting.run if listener.events.aborting else ""
            command = follow_command(service.state_directory, run_id, cancel=False)
            _follow_again(connection, command, run_id, listener)
    except KeyboardInterrupt:
        raise ending.stopped_aborting(connection.host.name, listener.events.aborting) from None
    return listener.events


def _abort(
    connection: Connection, service: ComposeService, origin: Origin, listener: _Listener
) -> None:
    try:
        command = abort_command(service, origin)
        completed = connection.run(command, timeout=FOLLOW_LIMIT, on_line=listener)
    except (ConnectionLostError, CommandTimeoutError) as error:
        if listener.events.aborting is None:
            raise ending.abort_not_known(connection.host.name, service.name) from error
        listener.lost(error)
        connection.drop()
    else:
        if not listener.ended() and listener.events.aborting is None:
            raise script_failed(connection.host, completed)


def _begin(connection: Connection, plan: Plan, listener: _Listener, observer: Observer) -> None:
    """Send the transaction. What it said is in the listener, also when the connection broke."""
    command = begin_command(plan)
    limit = begin_limit(plan)
    try:
        completed = connection.run(command, timeout=limit, on_line=listener)
    except (ConnectionLostError, CommandTimeoutError) as error:
        listener.lost(error)
        connection.drop()
    else:
        if not listener.ended() and completed.stderr:
            observer(Notice(connection.host.name, _last_line(completed.stderr)))


def _follow(plan: Plan, *, cancel: bool = True, watch: bool = True) -> Command:
    """A run that has not begun by now must not begin behind the client's back."""
    return follow_command(plan.service.state_directory, plan.run, cancel=cancel, watch=watch)


def _follow_again(
    connection: Connection, command: Command, run_id: str, listener: _Listener
) -> None:
    """Ask for the run, connecting again as often as it takes, until its end is known.

    Raises:
        OutcomeUnknownError: the host did not say a word for RECONNECT_LIMIT seconds.
    """
    give_up = time.monotonic() + RECONNECT_LIMIT
    pause = RECONNECT_PAUSE
    while not listener.ended():
        words_before = listener.words
        watched_for = _watch(connection, command, listener)
        if listener.ended():
            return
        # A run may be quiet for long: a watch that lasted counts as a word, too.
        if listener.words > words_before or watched_for > RECONNECT_LIMIT:
            give_up = time.monotonic() + RECONNECT_LIMIT
            pause = RECONNECT_PAUSE
        if time.monotonic() > give_up:
            raise ending.lost(connection.host.name, run_id, begun=listener.events.begun)
        time.sleep(pause)
        pause = longer(pause)


def longer(pause: float) -> float:
    """Return for how many seconds to wait after an attempt in vain that followed such a pause.

    A network that is away for an instant is tried again at once, a host that boots is not
    knocked at all the time.
    """
    return min(pause * _PAUSE_GROWTH, LONGEST_PAUSE)


def _watch(connection: Connection, command: Command, listener: _Listener) -> float:
    """Listen to the run once; return for how many seconds there was a connection."""
    began = None
    try:
        _ = connection.session  # connects
        began = time.monotonic()
        connection.run(command, timeout=FOLLOW_LIMIT, on_line=listener)
    except HostError as error:
        connection.drop()
        listener.lost(error)
    return 0.0 if began is None else time.monotonic() - began


def _stopped_by_user(
    connection: Connection, plan: Plan, listener: _Listener
) -> InterruptedByUserError:
    """Ctrl-C stops the watching. A run that has not begun is cancelled; one that has goes on."""
    if not listener.events.begun:
        try:
            connection.run(_follow(plan, watch=False), timeout=_CANCEL_LIMIT, on_line=listener)
        except (HostError, KeyboardInterrupt):
            return ending.interrupted(connection.host.name, plan.run, state="unknown")
    events = listener.events
    entry = events.entry()
    if entry and entry.run == plan.run:
        state = "ended"
    elif events.begun:
        state = "goes-on"
    else:
        state = "untouched" if events.end else "unknown"
    return ending.interrupted(connection.host.name, plan.run, state=state)


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""
