"""Ways to a host without deployctl: SSH, docker on another engine, tools that deploy."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployctl.lint.findings import Place
from deployctl.lint.shell.commands import ShellCommand
from deployctl.lint.steps.script import place_in, script_of
from deployctl.lint.workflow.values import Step

_SSH_ACTIONS = frozenset(
    {
        "appleboy/ssh-action",
        "appleboy/scp-action",
        "burnett01/rsync-deployments",
        "cross-the-world/scp-pipeline",
        "cross-the-world/ssh-pipeline",
        "cross-the-world/ssh-scp-ssh-pipelines",
        "d3rhase/ssh-command-action",
        "easingthemes/ssh-deploy",
        "fifsky/ssh-action",
        "garygrossgarten/github-action-scp",
        "garygrossgarten/github-action-ssh",
        "humbletim/ssh-scp",
        "lorenanda/scp-action",
        "nogsantos/ssh-scp-deploy",
        "tiyee/scp-action",
    }
)
_FORGES = re.compile(r"(^|@)(ssh\.)?(github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)(:|$)")
_REMOTE = re.compile(r"^[^/:=]*[^/:=\\]:(?!//)")


def other_ways(step: Step, *, on_own_machine: bool) -> Iterator[tuple[Place, str]]:
    """Return where a step reaches for a host without deployctl, and with what.

    Args:
        step: of any job.
        on_own_machine: whether its runner is self-hosted, and thus may be the host.
    """
    if step.action in _SSH_ACTIONS:
        yield step.place, step.action
    for command in script_of(step):
        what = _reaches(command, step, on_own_machine=on_own_machine)
        if what:
            yield place_in(step, command), what


def _reaches(command: ShellCommand, step: Step, *, on_own_machine: bool) -> str:
    words = list(command.words)
    if command.program == "sshpass":
        words = next(
            (words[i:] for i, w in enumerate(words) if w in {"ssh", "scp", "rsync"}), words
        )
    name = words[0].rpartition("/")[2] if words else ""
    if name in {"ssh", "scp", "sftp", "rsync", "autossh", "mosh"}:
        return name if _is_remote(name, words[1:]) else ""
    if name in {"ansible", "ansible-playbook", "pyinfra", "kamal", "cap"}:
        return name
    if name in {"docker", "docker-compose"}:
        return _docker_elsewhere(command, step, on_own_machine=on_own_machine)
    return ""


def _is_remote(program: str, arguments: list[str]) -> bool:
    if any(_FORGES.search(word) for word in arguments):
        return False
    if program in {"ssh", "sftp", "autossh", "mosh"}:
        return not arguments or arguments[0] not in {"-V", "-Q", "-G"}
    return any(_REMOTE.match(word) or "@" in word for word in arguments if word[:1] != "-")


def _docker_elsewhere(command: ShellCommand, step: Step, *, on_own_machine: bool) -> str:
    """A docker command for another engine, or a deploy by hand on the runner's own."""
    rest = list(command.words[1:])
    host = step.environment.get("docker_host")
    there = command.assignments.get("DOCKER_HOST") or (host.value if host else "")
    options = " ".join(rest)
    elsewhere = "ssh://" in there or re.search(r"(^| )(-H|--host|-c|--context)[= ]", options)
    starts = "up" in rest or "pull" in rest or "run" in rest or "deploy" in rest
    if starts and elsewhere:
        return "docker on another host"
    tagged = "IMAGE_TAG" in command.assignments or "image_tag" in step.environment
    by_hand = on_own_machine and tagged and ("up" in rest or "pull" in rest)
    return "docker compose on the runner itself" if by_hand else ""
