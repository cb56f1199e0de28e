"""Scans of images, and whether a vulnerable one fails them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployctl.lint.findings import Place
from deployctl.lint.shell.commands import ShellCommand
from deployctl.lint.steps.failures import failure_ignored
from deployctl.lint.steps.script import place_in, script_of
from deployctl.lint.workflow.values import Step


@dataclass(frozen=True)
class Scan:
    """A scan of an image.

    Attributes:
        toothless: why a vulnerable image does not fail it; empty: it does.
        place: of what makes it so.
    """

    place: Place
    toothless: str = ""


_SCANNER_IMAGE = re.compile(r"(?:^|/)(trivy|grype)(?::|@|$)")


def scans(step: Step) -> Iterator[Scan]:
    """Return the image scans of a step, each with why it could not fail."""
    found = (*_scans_of_action(step), *_scans_of_script(step))
    ignored = step.continue_on_error
    if ignored is None or ignored.value.strip().lower() == "false":
        yield from found
    else:
        for _ in found:
            yield Scan(ignored.place, "continue-on-error lets its failure pass")


def _scans_of_action(step: Step) -> Iterator[Scan]:
    match step.action:
        case "aquasecurity/trivy-action":
            kind = step.inputs.get("scan-type")
            if kind is None or kind.value.strip() in {"image", "sbom"} or "${{" in kind.value:
                yield _with_exit_code(step, {"", "0"})
        case "docker/scout-action":
            yield _with_exit_code(step, {"", "0", "false"})
        case "anchore/scan-action":
            written = step.inputs.get("fail-build")
            if written and written.value.strip().lower() == "false":
                yield Scan(written.place, "fail-build is false")
            else:
                yield Scan(step.place)
        case "snyk/actions/docker":
            yield Scan(step.place)
        case _:
            pass  # no scan of an image


def _with_exit_code(step: Step, none: set[str]) -> Scan:
    written = step.inputs.get("exit-code")
    if "trivy-config" in step.inputs:
        return Scan(step.place)  # a file that may say it
    if written is None:
        return Scan(step.place, "it has no exit-code, so it succeeds whatever it finds")
    if written.value.strip().lower() in none:
        return Scan(written.place, "with this exit-code it succeeds whatever it finds")
    return Scan(step.place)


def _scans_of_script(step: Step) -> Iterator[Scan]:
    all_commands = script_of(step)
    for command in all_commands:
        words = _scanner(command)
        if words:
            place = place_in(step, command)
            reason = _without_exit_code(words, step, command)
            yield Scan(place, reason or failure_ignored(command, all_commands, step.shell))


def _scanner(command: ShellCommand) -> list[str]:
    """Return a scanner's name and its arguments, also where docker runs it."""
    words = [command.program, *command.words[1:]]
    if command.program in {"docker", "podman"} and "run" in words[:2]:
        words = _in_container(words)
    match words:
        case ["trivy", *rest] if "image" in rest or "sbom" in rest:
            return ["trivy", *rest]
        case ["grype", *rest] if any(not w.startswith(("-", "dir:")) for w in rest):
            return ["grype", *rest]
        case ["docker", "scout", *rest] if "cves" in rest:
            return ["scout", *rest]
        case ["snyk", "container", "test", *rest]:
            return ["snyk", *rest]
        case _:
            return []


def _in_container(words: list[str]) -> list[str]:
    for index, word in enumerate(words):
        if image := _SCANNER_IMAGE.search(word):
            return [image[1], *words[index + 1 :]]
    return []


def _without_exit_code(words: list[str], step: Step, command: ShellCommand) -> str:
    name, *rest = words
    text = " ".join(rest)
    if name == "trivy" and not re.search(r"(^| )(--config|-c)[= ]", text):
        variable = step.environment.get("trivy_exit_code")
        in_front = command.assignments.get("TRIVY_EXIT_CODE") or (variable and variable.value)
        found = re.search(r"--exit-code[= ](\S+)", text)
        if (found[1] if found else in_front or "0") == "0":
            return "without --exit-code 1 it succeeds whatever it finds"
    if name == "grype" and not re.search(r"(^| )(--fail-on|-f)[= ]", text):
        return "without --fail-on it succeeds whatever it finds"
    if name == "scout" and not re.search(r"(^| )(--exit-code|-e)( |$)", text):
        return "without --exit-code it succeeds whatever it finds"
    return ""
