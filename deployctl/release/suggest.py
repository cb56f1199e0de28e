"""Commands that a person is shown to copy: here is the only place that builds one. Pure.

Whoever copies a command trusts it. So its words are the client's own (services, hosts and paths of
the inventory), and of what a host says only what has the exact form of a tag, an id or a name
that no shell reads in another way. A command with any other word in it is not shown at all.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from deployctl.release.reference import tag_problem

_RUN_ID = re.compile(r"[0-9]{8}t[0-9]{6}z-[0-9a-f]{8}", re.ASCII)
_CONTAINER_ID = re.compile(r"[0-9a-f]{12,64}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_REPOSITORY = re.compile(r"[a-z0-9][a-z0-9._-]*(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)*", re.ASCII)
_LONGEST_REPOSITORY = 255


def deployctl(
    verb: str,
    *own: str,
    tag: str | None = None,
    run: str | None = None,
    more: Sequence[str] = (),
) -> str:
    """Return a command line of deployctl; empty: what a host said may not stand in one.

    Args:
        verb: which command.
        own: the client's own words: names of the inventory; empty ones are left out.
        tag: what a host says is a tag.
        run: what a host says is the id of a run.
        more: further words of the client's own, that stand behind those.
    """
    if tag is not None and not is_tag(tag):
        return ""
    if run is not None and not has_form_of_run(run):
        return ""
    return typed("deployctl", verb, *filter(None, own), *filter(None, (tag, run)), *more)


def look_at_process(pid: str) -> str:
    """Return the command that shows a process of a host; empty: its number is none."""
    command = typed("ps", "-o", "user,pid,lstart,args", "-p", pid)
    return command if _NUMBER.fullmatch(pid) else ""


def docker_remove(container_id: str) -> str:
    """Return the command that removes a container, if it does not run; empty: that is no id."""
    return typed("docker", "rm", container_id) if _CONTAINER_ID.fullmatch(container_id) else ""


def typed(*own: str) -> str:
    """Return the client's own words as one line of shell; empty: one of them has no place there."""
    return shlex.join(own) if all(word.isprintable() for word in own) else ""


def hint(prose: str, *commands: str) -> str:
    """Return a hint as errors.DeployctlError has it.

    Args:
        prose: to be read. It stays one line, whatever a host put into it: a second one would be
            shown as a command.
        commands: to be copied; empty ones are left out.
    """
    shown = [command for command in commands if command]
    line = " ".join(prose.splitlines())
    return "\n".join([line if shown else line.rstrip(":"), *shown])


def is_tag(text: str) -> bool:
    """Whether a text has the form of a commit's tag."""
    return tag_problem(text, long_tags=True) is None


def has_form_of_run(text: str) -> bool:
    """Whether a text has the exact form of the ids that plan.new_run_id makes."""
    return _RUN_ID.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether a text can be a service's name in compose files, and nothing else to a shell."""
    return _NAME.fullmatch(text) is not None


def repository_or(text: str, otherwise: str) -> str:
    """Return what a host says is an image's repository or registry, if it has the form of one."""
    fits = len(text) <= _LONGEST_REPOSITORY and _REPOSITORY.fullmatch(text)
    return text if fits else otherwise
