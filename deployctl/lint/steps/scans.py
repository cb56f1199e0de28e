"""Scans of images, and whether a vulnerable one fails them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployctl.lint.findings import Place
from deployctl.lint.shell.commands import ShellCommand
from deployctl.lint.steps.failures import failure_ignored
from deployctl.lint.steps.script import place_in, script_of
from deployctl.lint.workflow.document import Scalar
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


def scans(step: Step) -> Iterator[Scan]:
    """Return the image scans of a step, each with why it could not fail."""
    ignored = _never_fails(step.continue_on_error)
    for scan in (*_scans_of_action(step), *_scans_of_script(step)):
        if ignored and step.continue_on_error:
            yield Scan(step.continue_on_error.place, "continue-on-error lets its failure pass")
        else:
            yield scan


def _never_fails(continue_on_error: Scalar | None) -> bool:
    return continue_on_error is not None and continue_on_error.value.strip().lower() != "false"


def _scans_of_action(step: Step) -> Iterator[Scan]:
    match step.action:
        case "aquasecurity/trivy-action":
            kind = step.inputs.get("scan-type")
            if kind is None or kind.value.strip() in {"image", "sbom"} or "${{" in kind.value:
                yield _with_exit_code(step, "exit-code", {"", "0"})
        case "docker/scout-action":
            yield _with_exit_code(step, "exit-code", {"", "0", "false"})
        case "anchore/scan-action":
            written = step.inputs.get("fail-build")
            off = written is not None and written.value.strip().lower() == "false"
            yield (
                Scan(written.place, "fail-build is false") if off and written else Scan(step.place)
            )
        case "snyk/actions/docker":
            yield Scan(step.place)


def _with_exit_code(step: Step, name: str, none: set[str]) -> Scan:
    written = step.inputs.get(name)
    if "trivy-config" in step.inputs:
        return Scan(step.place)  # a file that may say it
    if written is None:
        return Scan(step.place, f"it has no {name}, so it succeeds whatever it finds")
    if written.value.strip().lower() in none:
        return Scan(written.place, f"with this {name} it succeeds whatever it finds")
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
    words = list(command.words)
    if command.program in {"docker", "podman"} and "run" in words[:2]:
        images = [
            i for i, word in enumerate(words) if re.search(r"(^|/)(trivy|grype)(:|@|$)", word)
        ]
        name = "grype" if images and "grype" in words[images[0]] else "trivy"
        words = [name, *words[images[0] + 1 :]] if images else []
    match [words[0].rpartition("/")[2] if words else "", *words[1:]]:
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
