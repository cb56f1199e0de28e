"""check.sh: what only a check wants to know of a host. Pure."""

from __future__ import annotations

from deployctl.compose.facts import Measures
from deployctl.compose.host import script
from deployctl.compose.host.lock import read_stranger
from deployctl.compose.host.wire import free_kib, is_number, output_of, read_facts
from deployctl.compose.kept_images import kept_repositories
from deployctl.compose.script_output import ScriptOutput
from deployctl.inventory import ComposeService
from deployctl.ssh.command import Command

# Seconds; more than the sum of the limits inside the script, which end first.
REGISTRY_LIMIT = 20
CHECK_LIMIT = REGISTRY_LIMIT + 90.0

_OWN_NAMES = frozenset(("lock", "history.jsonl", "reserve", "runs", "releases", "holds"))


def check_command(service: ComposeService, project: str | None) -> Command:
    """Return the command that measures what only a check wants to know.

    project: the service's Compose project; None: it is not known.
    """
    repositories = kept_repositories(project, service.name)
    return script.command("check.sh", service.state_directory, *repositories)


def read_measures(output: bytes) -> Measures:
    """Turn what the script printed into values.

    Raises:
        HostError: the output is not what the script prints.
    """
    facts = read_facts(output)
    sizes = [int(s) for s in output_of(facts, "image-sizes").lines if is_number(s)]
    return Measures(
        docker=_version(output_of(facts, "docker", required=True)),
        compose=_version(output_of(facts, "compose", required=True)),
        largest_image=max(sizes, default=0),
        image_kib=free_kib(output_of(facts, "image-disk")),
        state_kib=free_kib(output_of(facts, "state-disk")),
        reserve=_number(output_of(facts, "reserve")),
        open_files=tuple(n for n in output_of(facts, "open").lines if n in _OWN_NAMES),
        blocked_by=read_stranger(output_of(facts, "blocked").data)
        if output_of(facts, "blocked").status != 0
        else None,
    )


def _number(output: ScriptOutput) -> int:
    text = output.data.decode("ascii", "replace").strip()
    return int(text) if output.status == 0 and is_number(text) else 0


def _version(output: ScriptOutput) -> str:
    """The first word that a version command prints; empty where it failed."""
    words = output.data.decode("ascii", "replace").split() if output.status == 0 else []
    return words[0] if words else ""
