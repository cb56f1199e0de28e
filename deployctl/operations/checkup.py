"""Asking a host whether it could take a deploy; changes nothing."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from deployctl import checkup
from deployctl.compose.facts import FetchFailure
from deployctl.compose.host.check import (
    CHECK_LIMIT,
    REGISTRY_LIMIT,
    check_command,
    read_measures,
)
from deployctl.compose.host.fetch import fetch_command, read_fetch
from deployctl.compose.host.probe import read_probe
from deployctl.events import Observer, Phase, StepStarted
from deployctl.inventory import ComposeService
from deployctl.link import Link
from deployctl.operations.change import login_to, without
from deployctl.operations.reading import ask, probe


def check(
    link: Link,
    service: ComposeService,
    observer: Observer,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> checkup.CheckResult:
    """Say whether a host could take a deploy of a service, point by point.

    Args:
        link: to the host.
        service: what would be deployed.
        observer: hears the steps.
        clock: this computer's.

    Raises:
        HostError: the host cannot be reached, trusted or asked.
    """
    started = time.monotonic()
    observer(StepStarted(link.host.name, Phase.CONNECT))
    _ = link.session  # connects, which takes time that is not the clock's
    before = clock()
    answer = probe(link, service, observer, change=True)
    after = clock()
    facts = read_probe(answer)
    skew = checkup.skew(before, facts.now, after)
    subject = checkup.Subject(link.host, service, facts, None, skew)
    return checkup.CheckResult(
        link.host.name,
        service.name,
        checkup.findings(_measured(link, subject)),
        time.monotonic() - started,
    )


def _measured(link: Link, subject: checkup.Subject) -> checkup.Subject:
    """Ask for the rest, where docker answers."""
    if not subject.facts.examined or subject.facts.containers is None:
        return subject
    answer = ask(link, check_command(subject.service), timeout=CHECK_LIMIT)
    measures = replace(read_measures(answer), registry=_asked_registry(link, subject))
    return replace(subject, measures=measures)


def _asked_registry(link: Link, subject: checkup.Subject) -> FetchFailure | None:
    """Fetch a tag that is not there, as a deploy would: the answer is the registry's."""
    image = checkup.unpushed_image(subject, secrets.token_hex(4))
    if image is None:
        return None
    login = login_to(subject.service, image)
    command = fetch_command(
        subject.service.name, str(image), image.tag, login=login, limit=REGISTRY_LIMIT
    )
    answer = read_fetch(ask(link, command, timeout=CHECK_LIMIT), image.repository)
    if not isinstance(answer, FetchFailure):
        return None  # somebody has pushed it within the same second
    secret = login.password or "" if login else ""
    return replace(answer, words=without(secret, answer.words))
