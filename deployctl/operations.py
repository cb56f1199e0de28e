"""Deploy, roll back, follow, status and history on ONE host: read, decide, act, result."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from deployctl import drift, gates, history, outcome, planning, readiness, runner, transaction
from deployctl.command import Command
from deployctl.errors import (
    BusyError,
    CommandTimeoutError,
    ConnectionLostError,
    HostError,
    RefusedError,
    UsageError,
)
from deployctl.facts import FetchedImage, FetchFailure, HostFacts, read_fetch, read_probe
from deployctl.image import shown
from deployctl.inventory import Gates, Service
from deployctl.model import (
    Action,
    Health,
    HistoryResult,
    Observer,
    Origin,
    Phase,
    Release,
    RunResult,
    StatusResult,
    StepStarted,
    Verdict,
)
from deployctl.runner import Link
from deployctl.situation import Situation


@dataclass(frozen=True)
class Request:
    """What is asked of a host, and by whom.

    Attributes:
        service: what to deploy or roll back.
        gates: the inventory's rules.
        origin: who asks.
        environment: of the client; the source gate reads GITHUB_*.
        observer: hears the steps.
        tag: to deploy, or to roll back to; None: a rollback to whatever was before.
        digest: what the registry must serve; None: not given.
        expect_current: tag that must be running; None: not given.
        wait: seconds to wait for another run.
        dry_run: change nothing and say what would run.
        clock: the client's.
    """

    service: Service
    gates: Gates
    origin: Origin
    environment: Mapping[str, str]
    observer: Observer
    tag: str | None = None
    digest: str | None = None
    expect_current: str | None = None
    wait: float = 0.0
    dry_run: bool = False
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


# ---------------------------------------------------------------- deploy


def deploy(link: Link, request: Request, tag: str) -> RunResult:
    """Make a host run a tag.

    Raises:
        DeployctlError: refused, unreachable, busy, failed; see docs/exit-codes.md.
    """
    return _decide_again_after_waiting(request, lambda asked: _deploy(link, asked, tag))


def _deploy(link: Link, request: Request, tag: str) -> RunResult:
    report = _Report(link, request, Action.DEPLOY)
    report.add(*gates_without_host(request, tag))
    situation = report.situation = _read(link, request)
    report.add(gates.not_busy(situation.facts, link.host.name, wait=request.wait))
    report.add(*_gates_before_fetch(request, situation))
    if situation.runs_already(tag) and not situation.in_flux:
        _require_recorded_digest(request, situation, tag)
        return report.unchanged(tag)
    if request.dry_run:
        return report.planned(Release(tag, ""), fetch=True)
    fetched = _fetch(link, request, situation, tag)
    report.add(*_gates_after_fetch(request, situation, fetched, tag))
    return _change(report, Release(tag, fetched.image_id, fetched.digest))


def gates_without_host(request: Request, tag: str) -> tuple[Verdict, ...]:
    """Run the gates that need no host.

    Raises:
        RefusedError: one of them refuses.
        UsageError: --digest is not a digest.
    """
    if request.digest is not None:
        gates.digest_is_wellformed(request.digest)
    return (
        gates.tag_is_immutable(tag, request.gates),
        gates.source_may_deploy(request.environment, request.gates),
        gates.model_is_compose(request.service),
    )


def _gates_before_fetch(request: Request, situation: Situation) -> tuple[Verdict, ...]:
    service, facts = request.service, situation.facts
    hold = gates.no_hold(facts)
    if situation.in_flux:
        # What runs now is looked at when the run that is waited for has ended.
        image = gates.image_follows_tag(service.name, situation.configuration, service.tag_variable)
        return hold, image
    return (
        hold,
        gates.current_is_expected(request.expect_current, situation.running),
        gates.image_follows_tag(service.name, situation.configuration, service.tag_variable),
        gates.dependencies_are_well(situation.dependencies),
    )


def _gates_after_fetch(
    request: Request, situation: Situation, fetched: FetchedImage, tag: str
) -> tuple[Verdict, ...]:
    recorded = gates.recorded_content(situation.history.of(request.service.name), tag)
    return (
        *gates.content_is_expected(tag, request.digest, fetched, recorded),
        gates.revision_matches(tag, fetched),
    )


def _require_recorded_digest(request: Request, situation: Situation, tag: str) -> None:
    """What runs already must be what was scanned, too."""
    recorded = situation.history.last_success(request.service.name)
    known = {*situation.digests, recorded.release.digest if recorded else ""}
    if request.digest is not None and request.digest not in known:
        raise RefusedError(
            "digest-mismatch",
            f"{tag} runs here already, with another digest than --digest {request.digest}",
            hint="find out who pushed the tag again; deploy only what the scan saw",
        )


# ---------------------------------------------------------------- rollback


def rollback(link: Link, request: Request) -> RunResult:
    """Make a host run an earlier release again: the one before, or a named one.

    Raises:
        DeployctlError: no target, unreachable, busy, failed; see docs/exit-codes.md.
    """
    fixed: list[str] = []

    def roll_back(asked: Request) -> RunResult:
        # The target is fixed before the first wait: what was meant by "the one before" then.
        return _rollback(link, replace(asked, tag=fixed[0]) if fixed else asked, fixed)

    return _decide_again_after_waiting(request, roll_back)


def _rollback(link: Link, request: Request, fixed: list[str]) -> RunResult:
    service = request.service
    report = _Report(link, request, Action.ROLLBACK)
    report.add(gates.model_is_compose(service))
    situation = report.situation = _read(link, request)
    report.add(gates.not_busy(situation.facts, link.host.name, wait=request.wait))
    target = report.target = _target(request, situation)
    report.add(gates.image_follows_tag(service.name, situation.configuration, service.tag_variable))
    tag = target.release.tag
    fixed.append(tag)
    if situation.runs_already(tag):
        return report.unchanged(tag)
    on_host = situation.facts.has_image(target.release.image_id)
    if request.dry_run:
        return report.planned(target.release, fetch=not on_host)
    release = target.release if on_host else _fetch_again(link, request, situation, target)
    return _change(report, release)


def _target(request: Request, situation: Situation) -> history.Entry:
    name, recorded = request.service.name, situation.history
    try:
        if request.tag is not None:
            return history.named_target(recorded, name, request.tag)
        return history.rollback_target(
            recorded, name, situation.running, well=situation.well, digests=situation.digests
        )
    except history.NoTarget as none:
        raise RefusedError(none.code, none.reason, hint=none.hint) from None


def _fetch_again(
    link: Link, request: Request, situation: Situation, target: history.Entry
) -> Release:
    """The target's image is gone from the host; what comes must be the same content."""
    tag = target.release.tag
    fetched = _fetch(link, request, situation, tag)
    gates.content_is_expected(tag, None, fetched, target)
    return Release(tag, fetched.image_id, fetched.digest)


# ---------------------------------------------------------------- reading


def _read(link: Link, request: Request) -> Situation:
    """Ask the host for everything, and refuse a host that cannot take a run."""
    facts = _probe(link, request.service, request.observer, change=True)
    configuration = readiness.require_ready(facts, request.service, link.host)
    return Situation.of(request.service, facts, configuration)


def _probe(link: Link, service: Service, observer: Observer, *, change: bool) -> HostFacts:
    observer(StepStarted(link.host.name, Phase.CONNECT))
    _ = link.session  # connects
    observer(StepStarted(link.host.name, Phase.PROBE))
    command = transaction.probe_command(service, change=change)
    return read_probe(_ask(link, command, timeout=transaction.PROBE_LIMIT))


def _fetch(link: Link, request: Request, situation: Situation, tag: str) -> FetchedImage:
    image = situation.image(tag)
    request.observer(StepStarted(link.host.name, Phase.FETCH, str(image)))
    command = transaction.fetch_command(request.service.name, str(image), tag)
    answer = _ask(link, command, timeout=transaction.FETCH_LIMIT)
    fetched = read_fetch(answer, image.repository)
    if isinstance(fetched, FetchFailure):
        raise _not_fetched(fetched, str(image), link.host.name)
    return fetched


def _ask(link: Link, command: Command, *, timeout: float) -> bytes:
    """Run a script that changes nothing of what runs, and return what it printed."""
    try:
        completed = link.run(command, timeout=timeout)
    except (ConnectionLostError, CommandTimeoutError) as error:
        raise HostError(error.code, error.message, hint="run the command again") from error
    if not completed.ok:
        raise readiness.script_failed(link.host, completed)
    return completed.stdout


def _not_fetched(failure: FetchFailure, image: str, host: str) -> RefusedError:
    why = "in time" if failure.timed_out else "from the registry"
    return RefusedError(
        "not-fetched",
        f"{image} cannot be fetched {why} on {host}",
        hint="was this tag pushed, is the registry up, and is the host logged in to it?",
        details=failure.words,
    )


# ---------------------------------------------------------------- acting


def _decide_again_after_waiting(
    request: Request, attempt: Callable[[Request], RunResult]
) -> RunResult:
    """What another run did while this one waited for it calls for a new decision."""
    give_up = time.monotonic() + request.wait
    while True:
        try:
            return attempt(replace(request, wait=max(0.0, give_up - time.monotonic())))
        except BusyError as busy:
            in_time = busy.code == outcome.CHANGED_MEANWHILE and time.monotonic() < give_up
            if busy.code != outcome.CHANGED_WHILE_WAITING and not in_time:
                raise


@dataclass
class _Report:
    """Gathers what a run's result says, while the run goes on."""

    link: Link
    request: Request
    action: Action
    started: float = field(default_factory=time.monotonic)
    verdicts: list[Verdict] = field(default_factory=list)
    target: history.Entry | None = None
    _situation: Situation | None = None

    @property
    def situation(self) -> Situation:
        """What the host was like before."""
        if self._situation is None:
            raise AssertionError("the host was not asked yet")
        return self._situation

    @situation.setter
    def situation(self, situation: Situation) -> None:
        self._situation = situation

    def add(self, *verdicts: Verdict) -> None:
        """Note what gates said."""
        self.verdicts += verdicts

    def unchanged(self, tag: str) -> RunResult:
        """The result for a host that runs the release already."""
        running = self.situation.running or Release(tag, "")
        checked = all(c.health is not Health.NONE for c in self.situation.containers)
        return replace(self._result("unchanged", running), health_checked=checked)

    def planned(self, release: Release, *, fetch: bool) -> RunResult:
        """The result of a dry run."""
        commands = planning.commands(self.situation, release, fetch=fetch)
        return self._result("planned", release, commands=commands)

    def succeeded(self, release: Release, run: str, *, checked: bool) -> RunResult:
        """The result of a run that did what was asked."""
        return replace(self._result("succeeded", release, run=run), health_checked=checked)

    def _result(
        self, outcome_: str, release: Release, *, run: str = "", commands: tuple[str, ...] = ()
    ) -> RunResult:
        return RunResult(
            host=self.link.host.name,
            service=self.request.service.name,
            action=self.action,
            outcome=outcome_,
            release=release,
            previous=self.situation.running,
            run=run,
            seconds=time.monotonic() - self.started,
            verdicts=tuple(self.verdicts),
            commands=commands,
            notes=planning.notes(self.situation, self.target),
            target=history.as_target(self.target) if self.target else None,
        )


def _change(report: _Report, release: Release) -> RunResult:
    request = report.request
    plan = planning.plan(
        report.situation,
        report.action,
        release,
        origin=request.origin,
        wait=request.wait,
        now=request.clock(),
    )
    if report.situation.in_flux:
        # Decided too early: no history has this size, so it is decided again under the lock.
        plan = replace(plan, seen_history=-1)
    transcript = runner.run(report.link, plan, request.observer)
    return report.succeeded(release, plan.run, checked=not transcript.unchecked)


# ---------------------------------------------------------------- follow


def follow(link: Link, services: Sequence[Service], run: str, observer: Observer) -> RunResult:
    """Watch a run again and return its good end.

    Args:
        link: to the host that it runs on.
        services: those that are deployed there; the run is looked for in their directories.
        run: its id.
        observer: hears the steps.

    Raises:
        DeployctlError: every other end, as the lost command would have raised it.
    """
    if not transaction.is_run_id(run):
        raise UsageError("run-invalid", f"{shown(run)} is not the id of a run")
    started = time.monotonic()
    observer(StepStarted(link.host.name, Phase.CONNECT))
    transcript = transaction.Transcript(end="unknown-run")
    for directory in dict.fromkeys(s.state_directory for s in services):
        transcript = runner.follow(link, directory, run, observer)
        if transcript.end != "unknown-run":
            break
    entry = outcome.success_entry(transcript, link.host.name, "", run)
    return RunResult(
        host=link.host.name,
        service=entry.service,
        action=Action(entry.action),
        outcome="succeeded",
        release=entry.release,
        previous=entry.previous,
        run=run,
        seconds=time.monotonic() - started,
        health_checked=not transcript.unchecked,
    )


# ---------------------------------------------------------------- status, history


def status(link: Link, service: Service, observer: Observer) -> StatusResult:
    """Say what a host runs and what it has recorded; changes nothing.

    Raises:
        HostError: the host cannot be reached, trusted or asked.
    """
    started = time.monotonic()
    facts = _probe(link, service, observer, change=False)
    readiness.require_answers(facts, service, link.host)
    return drift.judge(facts, service, link.host.name, seconds=time.monotonic() - started)


def recorded_history(
    link: Link, services: Sequence[Service], observer: Observer, limit: int
) -> HistoryResult:
    """Return the newest lines that a host has recorded of some services.

    Raises:
        HostError: the host cannot be reached, trusted or asked.
    """
    entries: list[history.Entry] = []
    problems: list[str] = []
    for directory in dict.fromkeys(s.state_directory for s in services):
        here = [s for s in services if s.state_directory == directory]
        recorded = _probe(link, here[0], observer, change=False).history
        if not recorded.readable:
            raise _unreadable_history(link.host.name, directory)
        entries += [entry for s in here for entry in recorded.of(s.name)]
        problems += recorded.problems
    entries.sort(key=lambda entry: (entry.at, entry.seq))
    newest = tuple(entry.raw for entry in entries[-limit:])
    return HistoryResult(link.host.name, newest, tuple(problems))


def _unreadable_history(host: str, directory: str) -> HostError:
    return HostError(
        "history-unreadable",
        f"the history in {directory} on {host} is there but cannot be read",
        hint="look at the file's owner and permissions on the host",
    )
