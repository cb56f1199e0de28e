"""The other model: a tag is written for Flux or Argo to apply."""

from __future__ import annotations

import re

from deployctl.lint.findings import Place
from deployctl.lint.shell.commands import ShellCommand
from deployctl.lint.steps.script import place_in, script_of
from deployctl.lint.workflow.values import Step


def gitops(step: Step) -> Place | None:
    """Return where a step writes a tag for Flux or Argo to apply; None: nowhere."""
    if step.action == "fjogeleit/yaml-update-action":
        return step.place
    edited: ShellCommand | None = None
    for command in script_of(step):
        if _edits_manifest(command):
            edited = edited or command
        direct = command.program == "flux" and "reconcile" in command.words
        if direct or (command.program == "argocd" and "set" in command.words):
            return place_in(step, command)
    return place_in(step, edited) if edited else None


def _edits_manifest(command: ShellCommand) -> bool:
    match (command.program, *command.words[1:]):
        case ("kustomize", "edit", "set", "image", *_):
            return True
        case (("yq" | "sed"), *rest):
            in_place = any(w.startswith("-i") or w in {"--inplace", "--in-place"} for w in rest)
            text = " ".join(rest)
            return in_place and bool(re.search(r"image|tag", text, re.IGNORECASE))
        case _:
            return False
