"""The points about the machine: can it be reached, does it have what a run needs?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from deployctl.compose.points.finding import Subject, ok, problem, ruled, warning
from deployctl.errors import DeployctlError
from deployctl.release.check import CheckFinding, Severity

# Certificates, registry tokens and the order of two hosts' histories are about minutes.
TOLERATED_SKEW = timedelta(seconds=30)
# What it is tested with; see docs/host-requirements.md.
_OLDEST_DOCKER, _OLDEST_COMPOSE = (26, 1), (2, 26)
_HOST_KEY = "host-key"


def unreachable(error: DeployctlError) -> tuple[CheckFinding, ...]:
    """Return what is known of a host that cannot be asked: why."""
    check = _HOST_KEY if error.code.startswith(_HOST_KEY) else "connection"
    return (problem(check, error),)


def skew(before: datetime, host_now: datetime, after: datetime) -> timedelta:
    """Return how far a host's clock is off, at least.

    Args:
        before: our clock when the host was asked.
        host_now: its answer, in whole seconds.
        after: our clock when the answer was there.
    """
    if host_now > after:
        return host_now - after
    # It may have been almost a second later than it said.
    latest = host_now + timedelta(seconds=1)
    return latest - before if latest < before else timedelta(0)


def connection(subject: Subject) -> Iterator[CheckFinding]:
    """Say that the host lets us in: it has answered."""
    yield ok("connection", f"{subject.host.address} lets {subject.facts.user} in")


def host_key(subject: Subject) -> Iterator[CheckFinding]:
    """Say what its key was compared with."""
    where = "as pinned in the inventory" if subject.host.host_key else "as in known_hosts"
    yield ok(_HOST_KEY, where)


def clock(subject: Subject) -> Iterator[CheckFinding]:
    """Judge how far the host's clock is off."""
    off = abs(subject.skew)
    if off <= TOLERATED_SKEW:
        yield ok("clock", f"agrees with this computer's, give or take {TOLERATED_SKEW.seconds} s")
        return
    which = "ahead of" if subject.skew > timedelta(0) else "behind"
    yield warning(
        "clock",
        "clock-skew",
        f"is {round(off.total_seconds())} s {which} this computer's: times in the history mislead, "
        "and certificates and logins may fail",
        "find out which of the two is wrong; on it, as root:\ntimedatectl set-ntp true",
    )


def tools(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether the programs that the scripts need are there."""
    yield from ruled(subject, "tools", "all that the scripts need are there")


def docker(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether docker answers, and its version."""
    version = subject.measures.docker if subject.measures else ""
    problems = tuple(ruled(subject, "docker", f"Docker {version} answers {subject.facts.user}"))
    yield from problems
    if problems[0].severity is Severity.OK:
        yield from _untested("docker", "docker-untested", "Docker", version, _OLDEST_DOCKER)


def compose(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether Compose resolves the compose files, and its version."""
    version = subject.measures.compose if subject.measures else ""
    variable = subject.service.tag_variable
    said = f"Compose {version} resolves the compose files with {variable} set"
    yield from ruled(subject, "compose", said)
    if subject.facts.configuration:
        yield from _untested("compose", "compose-untested", "Compose", version, _OLDEST_COMPOSE)


def _untested(
    check: str, code: str, name: str, version: str, oldest: tuple[int, int]
) -> Iterator[CheckFinding]:
    found = re.match(r"v?(\d{1,9})\.(\d{1,9})", version)
    if found and (int(found[1]), int(found[2])) < oldest:
        least = ".".join(map(str, oldest))
        yield warning(
            check,
            code,
            f"{name} {version} is older than {least}, the oldest that deployctl is tested with",
            f"update it; until then, try {least} or newer on another host first",
        )


def logout(subject: Subject) -> Iterator[CheckFinding]:
    """Judge whether a run outlives the connection."""
    yield from ruled(subject, "logout", "a run outlives the connection")
