"""Whether a host could take a deploy, point by point: facts → findings. Pure.

Each point is judged by what judges it for a deploy: the preconditions and the gates. A
deploy is stopped by the first of them, a check shows them all; what stops no deploy but should
be known is a warning.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from deployctl.compose import drift, gates
from deployctl.compose.facts import FetchFailure, HostFacts, Measures
from deployctl.compose.lock import lock_taken
from deployctl.compose.notes import short_wait
from deployctl.compose.preconditions import ANSWERS, CHANGES, LOW_DISK_KIB, make_room
from deployctl.compose.registry import Answer, log_in, no_place
from deployctl.compose.registry import answer as registry_answer
from deployctl.compose.service import ConfiguredOnHost, ServiceOnHost
from deployctl.errors import EXIT_REFUSED, EXIT_UNREACHABLE, DeployctlError, GateResult
from deployctl.inventory import ComposeService, Host
from deployctl.quoting import shown
from deployctl.release import record, suggest
from deployctl.release.check import CheckFinding, Severity
from deployctl.release.reference import Reference

# Certificates, registry tokens and the order of two hosts' histories are about minutes.
TOLERATED_SKEW = timedelta(seconds=30)

# What it is tested with; see docs/host-requirements.md.
_OLDEST_DOCKER, _OLDEST_COMPOSE = (26, 1), (2, 26)
# The logs of the runs that are kept, 20 at 1 MiB each, with room for half as much again.
_LOW_STATE_KIB = 30 * 1024
# A log of 1 MiB and the reserve of 64 KiB: with less, an outcome may find no room.
_FULL_STATE_KIB = 1024 + 64
_MOST_PROBLEMS = 5
_HOST_KEY = "host-key"


@dataclass(frozen=True)
class Subject:
    """What is judged.

    Attributes:
        host: the host.
        service: the service on it.
        facts: what the probe found.
        measures: what else was asked; None: docker did not answer.
        skew: how far the host's clock is off, at least; negative: it is behind.
    """

    host: Host
    service: ComposeService
    facts: HostFacts
    measures: Measures | None
    skew: timedelta


def findings(subject: Subject) -> tuple[CheckFinding, ...]:
    """Judge every point that something is known about."""
    return tuple(finding for rule in _rules(subject.facts) for finding in rule(subject))


def unreachable(error: DeployctlError) -> tuple[CheckFinding, ...]:
    """Return what is known of a host that cannot be asked: why."""
    check = _HOST_KEY if error.code.startswith(_HOST_KEY) else "connection"
    return (_problem(check, error),)


def unpushed_image(subject: Subject, nonce: str) -> Reference | None:
    """Return the service's image with a tag that nobody has pushed, to ask the registry with.

    Args:
        subject: the host.
        nonce: makes the tag one that was never used.

    Returns:
        None where it is not known which image that is, docker does not answer, or the
        environment lacks what a login needs.
    """
    configuration = subject.facts.configuration
    configured = configuration and configuration.services.get(subject.service.name)
    if not configured or not configured.uses_tag or subject.facts.containers is None:
        return None
    if subject.service.registry and subject.service.registry.problems:
        return None
    return configured.image_with(f"deployctl-check-{nonce}")


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


# ---------------------------------------------------------------- the points

_Rule = Callable[[Subject], Iterable[CheckFinding]]


def _rules(facts: HostFacts) -> tuple[_Rule, ...]:
    """The points in their order; those about which nothing is known are left out."""
    always: tuple[_Rule, ...] = (_connection, _host_key, _clock, _tools, _files)
    if not facts.examined:
        return always
    if facts.containers is None:
        return (*always, _docker, *_OWN_FILES, _hold)
    project = (_image, _health, _dependencies, _registry) if facts.configuration else ()
    containers = (_leftovers, *_OWN_FILES, _disk, _hold, _rollback)
    return (*always, _docker, _compose, *project, *containers)


def _connection(subject: Subject) -> Iterator[CheckFinding]:
    yield _ok("connection", f"{subject.host.address} lets {subject.facts.user} in")


def _host_key(subject: Subject) -> Iterator[CheckFinding]:
    where = "as pinned in the inventory" if subject.host.host_key else "as in known_hosts"
    yield _ok(_HOST_KEY, where)


def _clock(subject: Subject) -> Iterator[CheckFinding]:
    off = abs(subject.skew)
    if off <= TOLERATED_SKEW:
        yield _ok("clock", f"agrees with this computer's, give or take {TOLERATED_SKEW.seconds} s")
        return
    which = "ahead of" if subject.skew > timedelta(0) else "behind"
    yield _warning(
        "clock",
        "clock-skew",
        f"is {round(off.total_seconds())} s {which} this computer's: times in the history mislead, "
        "and certificates and logins may fail",
        "find out which of the two is wrong; on it, as root:\ntimedatectl set-ntp true",
    )


def _tools(subject: Subject) -> Iterator[CheckFinding]:
    yield from _ruled(subject, "tools", "all that the scripts need are there")


def _files(subject: Subject) -> Iterator[CheckFinding]:
    count = len(subject.service.compose_files)
    said = f"{subject.service.directory} and {count} compose file{'s' * (count > 1)} can be read"
    yield from _ruled(subject, "files", said)


def _docker(subject: Subject) -> Iterator[CheckFinding]:
    version = subject.measures.docker if subject.measures else ""
    problems = tuple(_ruled(subject, "docker", f"Docker {version} answers {subject.facts.user}"))
    yield from problems
    if problems[0].severity is Severity.OK:
        yield from _untested("docker", "docker-untested", "Docker", version, _OLDEST_DOCKER)


def _compose(subject: Subject) -> Iterator[CheckFinding]:
    version = subject.measures.compose if subject.measures else ""
    variable = subject.service.tag_variable
    said = f"Compose {version} resolves the compose files with {variable} set"
    yield from _ruled(subject, "compose", said)
    if subject.facts.configuration:
        yield from _untested("compose", "compose-untested", "Compose", version, _OLDEST_COMPOSE)


def _untested(
    check: str, code: str, name: str, version: str, oldest: tuple[int, int]
) -> Iterator[CheckFinding]:
    found = re.match(r"v?(\d{1,9})\.(\d{1,9})", version)
    if found and (int(found[1]), int(found[2])) < oldest:
        least = ".".join(map(str, oldest))
        yield _warning(
            check,
            code,
            f"{name} {version} is older than {least}, the oldest that deployctl is tested with",
            f"update it; until then, try {least} or newer on another host first",
        )


def _image(subject: Subject) -> Iterator[CheckFinding]:
    service, configuration = subject.service, subject.facts.configuration
    if configuration:
        yield _judged(
            "image",
            lambda: gates.image_follows_tag(
                service.name, configuration, service.tag_variable, service.registry
            ),
        )


def _health(subject: Subject) -> Iterator[CheckFinding]:
    configuration, service = subject.facts.configuration, subject.service
    configured = configuration and configuration.services.get(service.name)
    if not configured or not configured.start_period:
        return
    if problem := short_wait(service, configured.start_period):
        yield _warning(
            "health",
            "health-timeout-short",
            problem,
            f"set health_timeout in services.{service.name} of the inventory to more than that, or "
            "a shorter start_period in the compose files",
        )
    else:
        said = f"health_timeout, {service.health_timeout:g} s, covers the start_period"
        yield _ok("health", f"{said}, {configured.start_period:g} s")


def _leftovers(subject: Subject) -> Iterator[CheckFinding]:
    here = ServiceOnHost.found(subject.service, subject.facts)
    if names := drift.leftover_names(here):
        yield _warning(
            "containers",
            "left-over",
            f"left over from a recreate that was cut off or failed, and never started: {names}; a "
            "docker compose up by hand can take down what serves",
            suggest.hint(
                "the next deploy or rollback that changes something removes it; or now, on the "
                "host:",
                *(suggest.docker_remove(c.id) for c in here.leftovers[:_MOST_PROBLEMS]),
            ),
        )


def _dependencies(subject: Subject) -> Iterator[CheckFinding]:
    configuration = subject.facts.configuration
    if configuration:
        here = ConfiguredOnHost.of(subject.service, subject.facts, configuration)
        yield _judged("dependencies", lambda: gates.dependencies_are_well(here.dependencies))


def _registry(subject: Subject) -> Iterator[CheckFinding]:
    try:
        if subject.service.registry:
            subject.service.registry.require()
    except DeployctlError as error:
        yield _problem("registry", error)
    answer = subject.measures.registry if subject.measures else None
    if answer is not None:  # else the image is not known, which is a problem of its own
        yield _answer_of_registry(subject, answer)


def _answer_of_registry(subject: Subject, answer: FetchFailure) -> CheckFinding:
    repository = _repository(subject)
    registry = Reference(repository).registry
    if answer.places is not None:
        return _problem("registry", no_place(answer.places, subject.host.name))
    if answer.timed_out:
        return _registry_down(registry, "does not answer in time", answer)
    match registry_answer(answer, Reference(repository)):
        case Answer.DENIED:
            return _registry_denied(subject, registry, repository, answer)
        case Answer.ABSENT:
            said = f"{registry} answers, and lets {_reader(subject)} read {repository}"
            return _ok("registry", said)
        case _:
            return _registry_down(registry, "cannot be asked", answer)


def _registry_denied(
    subject: Subject, registry: str, repository: str, answer: FetchFailure
) -> CheckFinding:
    given = subject.service.registry
    return CheckFinding(
        "registry",
        "registry-denied",
        Severity.PROBLEM,
        f"{registry} does not let {_reader(subject)} read {repository}",
        f"is the password of {_reader(subject)} right and not expired, and may it read the image?"
        if given and given.usable
        else log_in(
            f"services.{subject.service.name}.registry in the inventory",
            registry,
            subject.facts.user,
        ),
        answer.words,
        EXIT_REFUSED,
    )


def _reader(subject: Subject) -> str:
    """Who reads the image: the login that the inventory has, or the host's own."""
    given = subject.service.registry
    return shown(given.username) if given and given.usable else subject.facts.user


def _registry_down(registry: str, how: str, answer: FetchFailure) -> CheckFinding:
    return CheckFinding(
        "registry",
        "registry-down",
        Severity.PROBLEM,
        f"the registry {registry} {how}: nothing new can be deployed",
        "is it up, and can the host reach it? A rollback to a kept release needs no registry",
        answer.words,
        EXIT_REFUSED,
    )


def _repository(subject: Subject) -> str:
    configuration = subject.facts.configuration
    configured = configuration and configuration.services.get(subject.service.name)
    return Reference.parse(configured.image).repository if configured else ""


def _state(subject: Subject) -> Iterator[CheckFinding]:
    yield from _ruled(subject, "state", f"{subject.service.state_directory} can be written")
    opened = subject.measures.open_files if subject.measures else ()
    if opened:
        directory = subject.service.state_directory
        # A path is the inventory's, but for the name of a file right in it.
        closing = [posixpath.join(directory, name) for name in opened if suggest.is_name(name)]
        yield _warning(
            "state",
            "state-open",
            f"other users of the host can open {', '.join(opened)} in {directory}: who can open "
            "the lock can keep every run from beginning",
            suggest.hint(
                "the next deploy, rollback, hold or unhold closes what belongs to "
                f"{subject.facts.user}; or now, on the host, as root:",
                suggest.typed("chmod", "-R", "go=", *(closing or [directory])),
            ),
        )


def _logout(subject: Subject) -> Iterator[CheckFinding]:
    yield from _ruled(subject, "logout", "a run outlives the connection")


def _persist(subject: Subject) -> Iterator[CheckFinding]:
    service, configuration = subject.service, subject.facts.configuration
    if not service.persist:
        return
    if configuration and configuration.sharing_tag(service.name):
        yield _judged("persist", lambda: gates.tag_is_not_shared(service, configuration))
    else:
        yield from _ruled(subject, "persist", f"the tag can be kept in {service.env_file}")


def _history(subject: Subject) -> Iterator[CheckFinding]:
    recorded = subject.facts.history
    count = len(recorded.entries)
    said = f"{count} lines read, numbered without a gap" if count else "nothing is recorded yet"
    if recorded.readable and recorded.problems:
        yield _warning(
            "history",
            "history-damaged",
            "lines of it are missing or cannot be read",
            "a rollback refuses where that matters: name its tag then; docs/history-format.md "
            "says what readers do with damage",
            recorded.problems[:_MOST_PROBLEMS],
        )
    else:
        yield from _ruled(subject, "history", said)
    yield from _interrupted(subject)


def _interrupted(subject: Subject) -> Iterator[CheckFinding]:
    if subject.facts.holder:
        return  # a run that goes on has no outcome yet
    down = ServiceOnHost.found(subject.service, subject.facts).down
    for entry in subject.facts.history.unfinished()[-_MOST_PROBLEMS:]:
        own = [name for name in (subject.service.name,) if name == entry.service]
        yield _warning(
            "history",
            "run-interrupted",
            f"{entry.action} of {entry.service} {entry.release.tag} left no outcome: "
            + record.WHY_NO_OUTCOME
            + (f"; {entry.service} is down" if own and down else ""),
            suggest.hint(
                "the next deploy or rollback records it; what runs now:",
                suggest.deployctl("status", *own),
            ),
        )


def _lock(subject: Subject) -> Iterator[CheckFinding]:
    directory = subject.service.state_directory
    if subject.measures and subject.measures.blocked_by and not subject.facts.holder:
        error = lock_taken(subject.host.name, subject.measures.blocked_by, directory)
        yield _problem("lock", error)
    else:
        yield _judged(
            "lock",
            lambda: gates.not_busy(subject.facts, subject.host.name, subject.service, wait=0),
        )


def _hold(subject: Subject) -> Iterator[CheckFinding]:
    yield _judged("hold", lambda: gates.no_hold(subject.facts))


def _disk(subject: Subject) -> Iterator[CheckFinding]:
    yield from _image_disk(subject)
    yield from _state_disk(subject)


def _image_disk(subject: Subject) -> Iterator[CheckFinding]:
    measures = subject.measures or Measures()
    free = measures.image_kib
    if free is None:
        return
    # What is pulled lies there twice for a while: as it came, and unpacked.
    needed = max(LOW_DISK_KIB, 2 * measures.largest_image // 1024)
    if free >= needed:
        yield _ok("disk", f"{_mib(free)} are free for images")
        return
    yield _warning(
        "disk",
        "disk-low",
        f"only {_mib(free)} are free for images: the next may need {_mib(needed)}, twice the "
        f"largest of {subject.service.name} on this host, and 1 GiB at least",
        f"make room, or keep fewer releases (keep = {subject.service.keep} in the inventory):\n"
        "docker system df\ndocker image prune",
    )


def _state_disk(subject: Subject) -> Iterator[CheckFinding]:
    measures = subject.measures or Measures()
    free, where = measures.state_kib, subject.service.state_directory
    if free is None:
        return
    if free < _FULL_STATE_KIB:
        yield CheckFinding(
            "disk",
            "disk-full",
            Severity.PROBLEM,
            f"the disk of {where} is full ({free} KiB free), "
            + (
                f"but for a reserve of {measures.reserve // 1024} KiB, which one run can use"
                if measures.reserve
                else "and there is no reserve left: soon not even a rollback can be recorded"
            ),
            make_room(where),
            exit_status=EXIT_UNREACHABLE,
        )
    elif free < _LOW_STATE_KIB:
        yield _warning(
            "disk",
            "disk-low",
            f"only {_mib(free)} are free for the history and the logs in {where}",
            make_room(where),
        )
    else:
        yield _ok("disk", f"{_mib(free)} are free for the history")


def _mib(kib: int) -> str:
    gib = 1024 * 1024
    return f"{kib / gib:.1f} GiB" if kib >= gib else f"{kib // 1024} MiB"


def _rollback(subject: Subject) -> Iterator[CheckFinding]:
    status = drift.judge(subject.facts, subject.service, subject.host.name)
    if not status.rollback:
        kept = drift.kept_unrecorded(subject.facts, status.service)
        yield _warning(
            "rollback",
            "rollback-none",
            f"a rollback without a tag goes nowhere: {status.rollback_refusal}",
            drift.deploy_of_kept(kept, status.service)
            if kept
            else suggest.hint(
                "a deploy that succeeds gives one; or name a tag:",
                suggest.deployctl("history", status.service),
            ),
        )
        return
    tag = status.rollback.release.tag
    if status.rollback_image_present:
        yield _ok("rollback", f"goes to {tag}, whose image is on the host")
    else:
        yield _warning(
            "rollback",
            "rollback-image-missing",
            f"the image of {tag}, where it goes to, is not on the host: it would need the registry",
            suggest.hint("on the host:", _pull(subject, tag)),
        )


def _pull(subject: Subject, tag: str) -> str:
    repository = suggest.repository_or(_repository(subject), "REPOSITORY")
    return suggest.typed("docker", "pull", f"{repository}:{tag}") if suggest.is_tag(tag) else ""


_OWN_FILES: tuple[_Rule, ...] = (_state, _persist, _history, _logout, _lock)


# ---------------------------------------------------------------- small change


def _ruled(subject: Subject, check: str, said: str) -> Iterator[CheckFinding]:
    """What a precondition says, or that all is well."""
    rule = {**ANSWERS, **CHANGES}[check]
    errors = list(rule(subject.facts, subject.service, subject.host))
    yield from (_problem(check, error) for error in errors)
    if not errors:
        yield _ok(check, said)


def _judged(check: str, gate: Callable[[], GateResult]) -> CheckFinding:
    """What a gate says."""
    try:
        result = gate()
    except DeployctlError as error:
        return _problem(check, error)
    return _ok(check, result.evidence)


def _ok(check: str, message: str) -> CheckFinding:
    return CheckFinding(check, "ok", Severity.OK, message)


def _warning(
    check: str, code: str, message: str, remedy: str, details: Iterable[str] = ()
) -> CheckFinding:
    return CheckFinding(check, code, Severity.WARNING, message, remedy, tuple(details))


def _problem(check: str, error: DeployctlError) -> CheckFinding:
    return CheckFinding(
        check,
        error.code,
        Severity.PROBLEM,
        error.message,
        error.hint,
        error.details,
        error.exit_status,
    )
