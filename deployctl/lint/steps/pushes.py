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
    words = command.words
    match (command.program, *words[1:]):
        case (("docker" | "podman" | "buildah" | "nerdctl"), *rest):
            if rest[:1] in (["build"], ["buildx"]):
                return "--push" in rest or any("type=registry" in word for word in rest)
            subcommands = (["push"], ["image", "push"], ["compose", "push"])
            return rest[:1] == subcommands[0] or rest[:2] in subcommands
        case ("docker-compose", *rest):
            return "push" in rest
        case ("crane", "push" | "copy", *_) | ("skopeo", "copy", *_) | ("oras", "push", *_):
            return True
        case _:
            return False
