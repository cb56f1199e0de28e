"""What deploy and rollback share: read the host, fetch, run the transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from deployctl import outcome, planning, readiness, runner
from deployctl.compose.facts import FetchedImage, FetchFailure
from deployctl.compose.host.fetch import FETCH_LIMIT, Pull, Stage, fetch_command, read_fetch
from deployctl.compose.host.probe import read_probe
from deployctl.errors import BusyError
from deployctl.events import ImageComing, Observer, Phase, StepEnded, StepStarted
from deployctl.image import Reference
from deployctl.inventory import ComposeService, Registry, Signature
from deployctl.link import Link
from deployctl.model import Release, RunResult
from deployctl.operations.reading import ask, probe
from deployctl.operations.report import Report
from deployctl.operations.request import Request
from deployctl.registry import Fetch, not_fetched
from deployctl.situation import Situation


def read(link: Link, request: Request) -> Situation:
    """Ask the host for everything, and refuse a host that cannot take a run."""
    facts = read_probe(probe(link, request.service, request.observer, change=True))
    configuration = readiness.require_ready(facts, request.service, link.host)
    request.observer(StepEnded(link.host.name))
    return Situation.of(request.service, facts, configuration)


def fetch(
    link: Link,
    request: Request,
    situation: Situation,
    tag: str,
    signature: Signature | None = None,
) -> FetchedImage:
    """Bring an image to the host, and say what the registry served.

    Raises:
        RefusedError: it cannot be fetched.
    """
    image = situation.image(tag)
    login = login_to(request.service, image)
    request.observer(StepStarted(link.host.name, Phase.FETCH, str(image)))
    command = fetch_command(request.service.name, str(image), tag, login=login, signature=signature)
    listener = _PullListener(link.host.name, request.observer)
    answer = ask(link, command, timeout=FETCH_LIMIT, listener=listener)
    fetched = read_fetch(answer, image.repository)
    if isinstance(fetched, FetchFailure):
        failure = replace(fetched, words=without((login and login.password) or "", fetched.words))
        raise not_fetched(
            failure,
            Fetch(image, request.service.name, link.host.name, situation.facts.user, login),
        )
    request.observer(StepEnded(link.host.name))
    return fetched


class _PullListener:
    """Hears the lines of a fetch, and tells the observer what is new of the pull."""

    def __init__(self, host: str, observer: Observer) -> None:
        self._host = host
        self._observer = observer
        self._pull = Pull()

    def __call__(self, line: bytes) -> None:
        pull = self._pull.with_line(line)
        if pull is self._pull:
            return
        self._pull = pull
        self._observer(
            ImageComing(
                self._host,
                layers=pull.count(Stage.KNOWN),
                downloaded=pull.count(Stage.DOWNLOADED),
                unpacked=pull.count(Stage.UNPACKED),
                received=pull.received,
                size=pull.size,
            )
        )


def login_to(service: ComposeService, image: Reference) -> Registry | None:
    """The inventory's, if there is one to give, and never to another registry than it is for."""
    registry = service.registry
    fits = registry is not None and registry.usable and registry.server == image.registry
    return registry if fits else None


def without(secret: str, words: Iterable[str]) -> tuple[str, ...]:
    """Nothing that the host says may show a password, whatever made it do so."""
    return tuple(line.replace(secret, "***") if secret else line for line in words)


def decide_again_after_waiting(
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


def change(report: Report, release: Release) -> RunResult:
    """Run the transaction that makes a release run, and return the result.

    Raises:
        DeployctlError: it failed; see docs/exit-codes.md.
    """
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
