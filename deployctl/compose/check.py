"""Asking a host whether it could take a deploy; changes nothing."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from deployctl.compose import points
from deployctl.compose.facts import FetchFailure
from deployctl.compose.fetch import login_to, without
from deployctl.compose.host.check import CHECK_LIMIT, REGISTRY_LIMIT, check_command, read_measures
from deployctl.compose.host.fetch import fetch_command, read_fetch
from deployctl.compose.host.probe import read_probe
from deployctl.compose.kept_images import kept_image
from deployctl.compose.read import ask, probe
from deployctl.errors import DeployctlError
from deployctl.events import Observer, Phase, StepStarted
from deployctl.inventory import ComposeService, Host
from deployctl.release.check import CheckResult
from deployctl.ssh.connection import Connection


def check_host(
    host: Host, services: Sequence[ComposeService], observer: Observer
) -> list[CheckResult]:
    """Say whether a host could take a deploy of each of some services, point by point."""
    with Connection(host) as connection:
        return [_check_service(connection, service, observer) for service in services]


def _check_service(
    connection: Connection, service: ComposeService, observer: Observer
) -> CheckResult:
    try:
        return check(connection, service, observer)
    except DeployctlError as error:
        connection.drop()
        return CheckResult(connection.host.name, service.name, points.unreachable(error))


def check(
    connection: Connection,
    service: ComposeService,
    observer: Observer,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> CheckResult:
    """Say whether a host could take a deploy of a service, point by point.

    Args:
        connection: to the host.
        service: what would be deployed.
        observer: hears the steps.
        clock: this computer's.

    Raises:
        HostError: the host cannot be reached, trusted or asked.
    """
    started = time.monotonic()
    observer(StepStarted(connection.host.name, Phase.CONNECT))
    _ = connection.session  # connects, which takes time that is not the clock's
    before = clock()
    answer = probe(connection, service, observer, change=True)
    after = clock()
    facts = read_probe(answer)
    skew = points.skew(before, facts.now, after)
    subject = points.Subject(connection.host, service, facts, None, skew)
    return CheckResult(
        connection.host.name,
        service.name,
        points.findings(_measured(connection, subject)),
        time.monotonic() - started,
    )


def _measured(connection: Connection, subject: points.Subject) -> points.Subject:
    """Ask for the rest, where docker answers."""
    if not subject.facts.examined or subject.facts.containers is None:
        return subject
    configuration = subject.facts.configuration
    project = configuration.project if configuration else None
    answer = ask(connection, check_command(subject.service, project), timeout=CHECK_LIMIT)
    measures = replace(read_measures(answer), registry=_asked_registry(connection, subject))
    return replace(subject, measures=measures)


def _asked_registry(connection: Connection, subject: points.Subject) -> FetchFailure | None:
    """Fetch a tag that is not there, as a deploy would: the answer is the registry's."""
    image = points.unpushed_image(subject, secrets.token_hex(4))
    configuration = subject.facts.configuration
    if image is None or configuration is None:
        return None
    login = login_to(subject.service, image)
    kept = kept_image(configuration.project, subject.service.name, image.tag)
    command = fetch_command(str(image), kept, login=login, limit=REGISTRY_LIMIT)
    answer = read_fetch(ask(connection, command, timeout=CHECK_LIMIT), image.repository)
    if not isinstance(answer, FetchFailure):
        return None  # somebody has pushed it within the same second
    secret = login.password or "" if login else ""
    return replace(answer, words=without(secret, answer.words))
