"""Pushes of images into a registry."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployctl.lint.findings import Place
from deployctl.lint.shell.commands import ShellCommand
from deployctl.lint.steps.script import place_in, script_of
from deployctl.lint.workflow.values import Step


def pushes(step: Step) -> Iterator[Place]:
    """Return where a step pushes an image."""
    if step.action in {"docker/build-push-action", "docker/bake-action"}:
        push = step.inputs.get("push")
        outputs = step.inputs.get("outputs")
        asked = push is not None and push.value.strip().lower() not in {"", "false"}
        if asked or (outputs and re.search(r"type=registry|push=true", outputs.value)):
            yield step.place
    for command in script_of(step):
        if _pushes(command):
            yield place_in(step, command)


def _pushes(command: ShellCommand) -> bool:
    match (command.program, *command.words[1:]):
        case (("docker" | "podman" | "buildah" | "nerdctl"), ("build" | "buildx"), *options):
            return "--push" in options or any("type=registry" in word for word in options)
        case (
            (("docker" | "podman" | "buildah" | "nerdctl"), "push", *_)
            | (("docker" | "podman" | "buildah" | "nerdctl"), ("image" | "compose"), "push", *_)
            | ("crane", "push" | "copy", *_)
            | ("skopeo", "copy", *_)
            | ("oras", "push", *_)
        ):
            return True
        case ("docker-compose", *words):
            return "push" in words
        case _:
            return False
