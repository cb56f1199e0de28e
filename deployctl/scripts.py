"""The host scripts, as commands. Pure, but for reading the scripts.

The scripts are package data, joined from their parts and sent byte for byte; every
value travels as an argument.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path

from deployctl.command import Command
from deployctl.compose.project import TAG_PLACEHOLDER
from deployctl.image import Reference
from deployctl.inventory import ComposeService, Registry, Signature

# Seconds. Each limit is more than the sum of those inside the script, which end first.
PULL_LIMIT = 600
PROBE_LIMIT = 90.0
FETCH_LIMIT = PULL_LIMIT + 540.0
HOLD_LIMIT = 30.0
REGISTRY_LIMIT = 20
CHECK_LIMIT = REGISTRY_LIMIT + 90.0
FOLLOW_LIMIT = 3600.0

_HOST = Path(__file__).parent / "compose" / "host"
# Functions that scripts share; they are sent in front.
_PARTS = {
    "probe.sh": ("env_file.sh", "lock.sh"),
    "transact.sh": ("env_file.sh", "private.sh", "lock.sh"),
    "hold.sh": ("private.sh", "lock.sh"),
    "check.sh": ("private.sh", "lock.sh"),
}


def new_run_id(now: datetime) -> str:
    """Return a run id that sorts by time and is made once."""
    return f"{now:%Y%m%dt%H%M%Sz}-{secrets.token_hex(4)}"


def kept_repository(service: str) -> str:
    """Return our own name for a service's images: it protects them from `docker image prune`."""
    return f"deployctl/{service}"


def kept_image(service: str, tag: str) -> str:
    """Return our own name for one release."""
    return f"{kept_repository(service)}:{tag}"


def probe_command(service: ComposeService, *, change: bool) -> Command:
    """Return the command that reads the facts; `change`: also what a change depends on."""
    return _script(
        "probe.sh",
        "change" if change else "status",
        service.directory,
        service.state_directory,
        service.name,
        service.tag_variable,
        TAG_PLACEHOLDER,
        service.env_file if service.persist else "",
        *service.compose_files,
    )


def fetch_command(
    service: str,
    image: str,
    tag: str,
    *,
    login: Registry | None = None,
    signature: Signature | None = None,
    limit: int = PULL_LIMIT,
) -> Command:
    """Return the command that brings an image to the host.

    Args:
        service: whose image it is.
        image: REPOSITORY:TAG.
        tag: the same tag.
        login: to the registry, for as long as the command runs; None: the host's own.
        signature: that is looked for, with its key as text; None: none is.
        limit: seconds for the pull.
    """
    annotations = signature.annotations if signature else ()
    command = _script(
        "fetch.sh",
        image,
        kept_image(service, tag),
        str(limit),
        Reference.parse(image).login_server,
        login.username if login else "",
        signature.key if signature else "",
        *(f"{name}={value}" for name, value in annotations),
    )
    return replace(command, stdin=f"{login.password}\n".encode()) if login else command


def check_command(service: ComposeService) -> Command:
    """Return the command that measures what only a check wants to know."""
    return _script("check.sh", service.state_directory, kept_repository(service.name))


def hold_command(service: ComposeService, fields: str, seen: str) -> Command:
    """Return the command that sets a hold.

    Args:
        service: whose deploys are held.
        fields: who holds and why, as JSON without its braces.
        seen: the hold that is to be replaced, as the script showed it; "null": there is none.
    """
    return _script("hold.sh", "set", service.state_directory, service.name, fields, seen)


def lift_command(service: ComposeService) -> Command:
    """Return the command that lifts a hold."""
    return _script("hold.sh", "lift", service.state_directory, service.name)


def follow_command(state_directory: str, run: str, *, cancel: bool, watch: bool = True) -> Command:
    """Return the command that asks for a run again.

    Args:
        state_directory: where its host keeps deployctl's files.
        run: its id.
        cancel: if it has not begun, it never will.
        watch: stay until it ends; otherwise only learn how it stands.
    """
    options = {
        "--state": state_directory,
        "--run": run,
        "--cancel": "yes" if cancel else "no",
        "--watch": "yes" if watch else "no",
    }
    return transact("follow", *(word for pair in options.items() for word in pair), "--")


def transact(verb: str, *words: str) -> Command:
    """Return the command for one verb of transact.sh."""
    # The text is an argument, so that the script can start its detached part from it.
    text = _script_text("transact.sh")
    return Command(("sh", "-c", 'eval "$1"', "deployctl", text, verb, *words))


def _script(name: str, *words: str) -> Command:
    return Command(("sh", "-c", _script_text(name), "deployctl", *words))


@cache
def _script_text(name: str) -> str:
    files = (*_PARTS.get(name, ()), name)
    return "".join((_HOST / file).read_text(encoding="utf-8") for file in files)
