"""The point about the registry: does it let the host read the image of the service?"""

from __future__ import annotations

from collections.abc import Iterator

from deployctl.compose.facts import FetchFailure
from deployctl.compose.points.finding import Subject, ok, problem
from deployctl.compose.registry import Answer, log_in, no_place
from deployctl.compose.registry import answer as registry_answer
from deployctl.errors import EXIT_REFUSED, DeployctlError
from deployctl.quoting import shown
from deployctl.release.check import CheckFinding, Severity
from deployctl.release.reference import Reference


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


def readable(subject: Subject) -> Iterator[CheckFinding]:
    """Judge what the registry answered the host."""
    try:
        if subject.service.registry:
            subject.service.registry.require()
    except DeployctlError as error:
        yield problem("registry", error)
    answer = subject.measures.registry if subject.measures else None
    if answer is not None:  # else the image is not known, which is a problem of its own
        yield _judged_answer(subject, answer)


def _judged_answer(subject: Subject, answer: FetchFailure) -> CheckFinding:
    repository = repository_of(subject)
    registry = Reference(repository).registry
    if answer.places is not None:
        return problem("registry", no_place(answer.places, subject.host.name))
    if answer.timed_out:
        return _down(registry, "does not answer in time", answer)
    match registry_answer(answer, Reference(repository)):
        case Answer.DENIED:
            return _denied(subject, registry, repository, answer)
        case Answer.ABSENT:
            said = f"{registry} answers, and lets {_reader(subject)} read {repository}"
            return ok("registry", said)
        case _:
            return _down(registry, "cannot be asked", answer)


def _denied(subject: Subject, registry: str, repository: str, answer: FetchFailure) -> CheckFinding:
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


def _down(registry: str, how: str, answer: FetchFailure) -> CheckFinding:
    return CheckFinding(
        "registry",
        "registry-down",
        Severity.PROBLEM,
        f"the registry {registry} {how}: nothing new can be deployed",
        "is it up, and can the host reach it? A rollback to a kept release needs no registry",
        answer.words,
        EXIT_REFUSED,
    )


def _reader(subject: Subject) -> str:
    """Who reads the image: the login that the inventory has, or the host's own."""
    given = subject.service.registry
    return shown(given.username) if given and given.usable else subject.facts.user


def repository_of(subject: Subject) -> str:
    """Return the repository of the service's image; empty: it is not known."""
    configuration = subject.facts.configuration
    configured = configuration and configuration.services.get(subject.service.name)
    return Reference.parse(configured.image).repository if configured else ""
