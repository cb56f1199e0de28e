"""Whether a host can take a run at all: facts → the configuration, or the error to raise. Pure.

A rule yields what keeps a host from taking a run, each as the error with its remedy. A deploy is
stopped by the first; `deployctl check` shows all of them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from deployctl.compose.facts import HostFacts
from deployctl.compose.project import Configuration, compose_argv
from deployctl.errors import HostError
from deployctl.inventory import ComposeService, Host
from deployctl.quoting import shown
from deployctl.release import suggest
from deployctl.release.checklist import Gate
from deployctl.ssh.command import Command, Completed

_ANY_TAG = "sha-0000000"  # compose only wants the variable to be set

LOW_DISK_KIB = 1024 * 1024
"""Free disk space below which a person should know of it."""

Rule: TypeAlias = Callable[[HostFacts, ComposeService, Host], Iterator[HostError]]


def require_answers(facts: HostFacts, service: ComposeService, host: Host) -> None:
    """Raise a HostError unless docker answers and the directory is there."""
    _require(ANSWERS.values(), facts, service, host)


def require_ready(facts: HostFacts, service: ComposeService, host: Host) -> Configuration:
    """Return the project's configuration on a host that can take a run.

    Raises:
        HostError: it cannot, and why; each has its remedy.
    """
    require_answers(facts, service, host)
    _require(CHANGES.values(), facts, service, host)
    if facts.configuration is None:  # for mypy: the last rule looks at it
        raise _no_configuration(facts, service, host)
    return facts.configuration


def script_failed(host: Host, completed: Completed) -> HostError:
    """Return the error for a host script that did not run to its end."""
    words = completed.stderr.decode("utf-8", "replace").strip().splitlines()[-5:]
    if host.sudo:
        hint = (
            f"does sudo -n work there? On the host, as root:\nvisudo -f /etc/sudoers.d/{host.user}"
        )
    else:
        hint = "can the user run sh there? Try:\nssh USER@HOST sh -c true"
    return HostError(
        "script-failed",
        f"the commands on {host.name} ended with exit status {completed.exit_status}",
        hint=hint,
        details=words,
    )


ANY_USER = "USER"
"""Stands in a command for the login where the inventory leaves it to ssh_config."""


def login(host: Host) -> str:
    """Return whom deployctl works as on a host, for a command that a person types there as root.

    It is the inventory's word and not the host's: that one could name anybody.
    """
    return "root" if host.sudo else host.user or ANY_USER


def env_file_foreign(
    problems: Iterable[str], host: str, own_files: Iterable[str], user: str
) -> HostError:
    """Return the error for a .env that the user cannot put another file in the place of.

    Args:
        problems: "WORD USER PATH" each, as host/env_file.sh has them.
        host: its name.
        own_files: those that it can be, as the inventory has them; a command names no other.
        user: see login.
    """
    own = {path for file in own_files for path in (file, posixpath.dirname(file))}
    said, commands = [], []
    for problem in problems:
        word, _, rest = problem.partition(" ")
        asking, _, path = rest.partition(" ")
        what, command = _ENV_FILE_PROBLEMS.get(word, _ENV_FILE_PROBLEMS["owner"])
        name = asking if suggest.is_name(asking) else shown(asking)
        said.append(what.format(user=name, path=shown(path)))
        if path in own:
            commands.append(suggest.typed(*(w.format(user=user, path=path) for w in command)))
    return HostError(
        "env-file-foreign",
        f"the tag cannot be kept in the project's .env on {host}, as persist = true asks for: "
        + "; ".join(said),
        hint=suggest.hint(
            "take persist out of the inventory, or on the host, as root:"
            if commands
            else "take persist out of the inventory, or give the user that file",
            *commands,
        ),
        gate=Gate.PERSIST,
    )


def disk_full(directories: Sequence[str], host: str, free_kib: int | None) -> HostError:
    """Return the error for a disk on which a run could not be recorded.

    Args:
        directories: deployctl's own, as the inventory has them.
        host: its name.
        free_kib: what is free there; None: not known.
    """
    free = "" if free_kib is None else f" ({free_kib} KiB free)"
    return HostError(
        "disk-full",
        f"the disk of {' or '.join(directories)} on {host} is full{free} and there is no "
        "reserve left: a run could not be recorded, so none is begun",
        hint=make_room(*directories),
    )


def make_room(*directories: str) -> str:
    """Return what to do about a full disk: nothing that takes away what a rollback goes to."""
    return suggest.hint(
        "see on the host what fills it. Never docker image prune -a: that removes the releases "
        "that are kept for a rollback. The first two look; the others make room and leave those:",
        suggest.typed("df", "-h", *directories),
        "docker system df",
        "docker image prune",
        "docker builder prune",
    )


_ENV_FILE_PROBLEMS = {
    "link": ("{path} is a link that leads nowhere", ("rm", "{path}")),
    "directory": ("{user} may not write in {path}", ("chown", "{user}", "{path}")),
    "kind": ("{path} is not a regular file", ("mv", "{path}", "{path}.old")),
    "owner": ("{path} belongs to another user than {user}", ("chown", "{user}", "{path}")),
    "mode": ("{user} may not read {path}", ("chmod", "u+r", "{path}")),
}
"""By word: what is wrong, and the command that puts it right."""


def _require(rules: Iterable[Rule], facts: HostFacts, service: ComposeService, host: Host) -> None:
    for rule in rules:
        for error in rule(facts, service, host):
            raise error


def _tools(facts: HostFacts, _: ComposeService, host: Host) -> Iterator[HostError]:
    if facts.missing_tools:
        names = ", ".join(facts.missing_tools)
        yield HostError(
            "tool-missing",
            f"{host.name} lacks {names}",
            hint="install it on the host (docker.io, util-linux, coreutils and sed have all that "
            "is needed)",
        )


def _paths(facts: HostFacts, service: ComposeService, host: Host) -> Iterator[HostError]:
    names = (service.directory, *service.compose_files)
    for name, state in zip(names, facts.paths, strict=False):
        if state not in {"ok", *_PATH_STATES}:
            yield _half_answered(host)
        elif state != "ok":
            what = "directory" if name == service.directory else "compose file"
            yield HostError(
                "path-" + state,
                f"the {what} {shown(name)} on {host.name} "
                + _PATH_STATES[state].format(kind=what.removeprefix("compose ")),
                hint=f"compare it with services.{service.name} in the inventory",
            )
    if len(facts.paths) != len(names):
        yield _half_answered(host)


def _half_answered(host: Host) -> HostError:
    return HostError(
        "host-garbled",
        f"{host.name} did not answer all questions",
        hint="run the command again",
    )


_PATH_STATES = {
    "missing": "does not exist",
    "wrong-kind": "is there, but it is no {kind}",
    "unreadable": "cannot be read by this user",
}


def _docker(facts: HostFacts, _: ComposeService, host: Host) -> Iterator[HostError]:
    if facts.containers is None:
        yield _no_docker(facts, host)


def _no_docker(facts: HostFacts, host: Host) -> HostError:
    if facts.docker_problem == "denied":
        return HostError(
            "docker-denied",
            f"{facts.user} may not use docker on {host.name}",
            hint=suggest.hint(
                f"set sudo = true in [hosts.{host.name}], or on the host, as root:",
                suggest.typed("usermod", "-aG", "docker", login(host)),
            ),
        )
    reasons = {
        "missing": "is not running: its socket does not exist",
        "silent": "does not answer",
        "remote": "does not answer (DOCKER_HOST is set there)",
    }
    return docker_down(host.name, reasons.get(facts.docker_problem, "does not answer"))


def docker_down(host: str, what: str) -> HostError:
    """Return the error for a docker that cannot be asked; `what`: how that shows."""
    return HostError(
        "docker-down",
        f"docker on {host} {what}",
        hint="on the host:\nsystemctl status docker",
    )


def _state(facts: HostFacts, service: ComposeService, host: Host) -> Iterator[HostError]:
    if not facts.foreign_files and not facts.state_access:
        return
    directory, user = service.state_directory, login(host)
    command = suggest.typed("chown", "-R", user, directory)
    instead = "set state_directory in the inventory"
    match facts.state_access:
        case "not-there":
            what = f"{directory} on {host.name} is not there, and {facts.user} may not make it"
            command = suggest.typed("install", "-d", "-o", user, "-m", "0700", directory)
        case "not-writable" if facts.state_owner:
            what = (
                f"{directory} on {host.name} is {facts.state_owner}'s, and {facts.user} may not "
                "write in it"
            )
            instead = f"deploy as {facts.state_owner} (user in [hosts.{host.name}])"
        case "not-writable":
            what = f"{directory} on {host.name} cannot be written by {facts.user}"
        case _:
            names = ", ".join(map(shown, facts.foreign_files))
            what = f"files of another user are in {directory} on {host.name}: {names}"
    yield HostError(
        "state-foreign",
        what,
        hint=suggest.hint(f"{instead}, or on the host, as root:", command),
    )


def _history(facts: HostFacts, service: ComposeService, host: Host) -> Iterator[HostError]:
    # In another user's directory, the rule about that says why.
    if not facts.history.readable and not facts.state_owner:
        path = posixpath.join(service.state_directory, "history.jsonl")
        yield HostError(
            "history-unreadable",
            f"{path} on {host.name} is there but {facts.user} cannot read it",
            hint=suggest.hint("on the host, as root:", suggest.typed("chown", login(host), path)),
        )


def _logout(facts: HostFacts, _: ComposeService, host: Host) -> Iterator[HostError]:
    if facts.killed_at_logout:
        yield HostError(
            "killed-at-logout",
            f"logind on {host.name} kills what {facts.user} leaves running at logout "
            "(KillUserProcesses=yes): a deploy would die with the connection",
            hint=suggest.hint(
                "on the host, as root:", suggest.typed("loginctl", "enable-linger", login(host))
            ),
        )


def _env_file(facts: HostFacts, service: ComposeService, host: Host) -> Iterator[HostError]:
    # Where other services follow the tag it is not kept, and a gate refuses a deploy.
    shared = facts.configuration and facts.configuration.sharing_tag(service.name)
    if facts.env_file_problems and not shared:
        yield env_file_foreign(facts.env_file_problems, host.name, [service.env_file], login(host))


def _compose(facts: HostFacts, service: ComposeService, host: Host) -> Iterator[HostError]:
    if facts.configuration is None:
        yield _no_configuration(facts, service, host)


def _no_configuration(facts: HostFacts, service: ComposeService, host: Host) -> HostError:
    if facts.compose_missing:
        return HostError(
            "compose-missing",
            f"{host.name} has no Compose v2 (`docker compose`); the old docker-compose will not do",
            hint="install Docker's compose plugin: apt-get install docker-compose-plugin, "
            "or docker-compose on Debian 13",
        )
    resolve = Command(
        (*compose_argv(service.compose_files), "--profile", "*", "config", "--quiet"),
        environment={service.tag_variable: _ANY_TAG},
    )
    return HostError(
        "compose-invalid",
        f"docker compose cannot resolve the compose files of {service.name} on {host.name}",
        hint=suggest.hint(
            f"correct what compose says; to see it on the host, as {login(host)}:",
            f"{suggest.typed('cd', service.directory)} && {resolve.as_shell()}",
        ),
        details=facts.complaints,
    )


ANSWERS: dict[str, Rule] = {"tools": _tools, "files": _paths, "docker": _docker}
"""What every question needs, by the name of the check."""

CHANGES: dict[str, Rule] = {
    "state": _state,
    "history": _history,
    "logout": _logout,
    "persist": _env_file,
    "compose": _compose,
}
"""What a change needs besides."""
