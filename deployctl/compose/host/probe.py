"""probe.sh: what a change or a status needs to know of a host. Pure.

It imports little: what the answer is made of is imported while the host works it out.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from deployctl.compose.host import script
from deployctl.compose.host.wire import (
    Fact,
    Facts,
    free_kib,
    garbled,
    integer,
    output_of,
    read_facts,
    read_object,
    string,
    strings,
)
from deployctl.compose.project import DEFAULT_STOP_GRACE, TAG_PLACEHOLDER, Configuration
from deployctl.inventory.checks import LONGEST_DURATION
from deployctl.quoting import shown_name
from deployctl.release.moments import read_moment
from deployctl.release.reference import REVISION_LABEL, Reference
from deployctl.ssh.command import Command

if TYPE_CHECKING:
    from datetime import datetime

    from deployctl.compose.container import ComposeContainer, LocalImage
    from deployctl.compose.facts import HostFacts
    from deployctl.compose.script_output import ScriptOutput
    from deployctl.inventory import ComposeService
    from deployctl.release.hold import Hold
    from deployctl.release.record import History
    from deployctl.release.results import UnfinishedRun

PROBE_LIMIT = 90.0
"""Seconds; more than the sum of the limits inside the script, which end first."""

_LABEL = "com.docker.compose."
_MOST_NAMES = 5


def probe_command(service: ComposeService, *, change: bool) -> Command:
    """Return the command that reads the facts; `change`: also what a change depends on."""
    return script.command(
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


def read_probe(output: bytes) -> HostFacts:
    """Turn what the script printed into facts.

    Raises:
        HostError: the output is not what the script prints.
    """
    from deployctl.compose.facts import HostFacts
    from deployctl.compose.host.lock import read_stranger

    facts = read_facts(output)
    host = facts.get("host")
    if host is None:
        raise garbled("it names no host")
    now = _timestamp(string(host, "now"))
    containers, problem = _containers(output_of(facts, "containers"), now)
    recorded = _history(facts)
    return HostFacts(
        user=string(host, "user"),
        group=str(host.get("group", "")),
        image_store=_image_store(output_of(facts, "containers")),
        now=now,
        missing_tools=strings(facts.get("tools", {}).get("missing")),
        paths=_paths(output),
        containers=containers,
        docker_problem=problem,
        images=_images(output_of(facts, "images")),
        configuration=_configuration(output_of(facts, "config")),
        config_hashes=_config_hashes(output_of(facts, "hashes")),
        compose_missing="compose" in facts and output_of(facts, "compose").status != 0,
        complaints=_complaints(output_of(facts, "config")),
        history=recorded,
        holder=_holder(facts, recorded),
        hold=_hold(output_of(facts, "hold")),
        foreign_files=_names(output_of(facts, "foreign").data),
        state_access=_state_access(facts),
        state_owner=_state_owner(facts),
        stranger=read_stranger(output_of(facts, "stranger").data) if "stranger" in facts else None,
        free_kib=free_kib(output_of(facts, "disk")),
        killed_at_logout=facts.get("logout", {}).get("kills") == "yes",
        kept_tag=next(iter(output_of(facts, "kept-tag").lines), ""),
        env_file_problems=output_of(facts, "env-file").lines,
        examined="history-size" in facts,
    )


# ---------------------------------------------------------------- single facts


def _containers(
    output: ScriptOutput, now: datetime
) -> tuple[tuple[ComposeContainer, ...] | None, str]:
    if output.status != 0:
        return None, output.data.decode("ascii", "replace").strip() or "silent"
    return tuple(_container(read_object(line), now) for line in output.data.splitlines()), ""


def _container(value: Fact, now: datetime) -> ComposeContainer:
    from deployctl.compose.container import ComposeContainer, recent_restarts
    from deployctl.release.results import Health

    labels = value.get("labels")
    if not isinstance(labels, dict):
        labels = {}
    health = str(value.get("health"))
    restarts, started_at = integer(value, "restarts"), string(value, "started_at")
    return ComposeContainer(
        id=string(value, "id"),
        name=string(value, "name").lstrip("/"),
        service=str(labels.get(f"{_LABEL}service", "")),
        project=str(labels.get(f"{_LABEL}project", "")),
        working_directory=str(labels.get(f"{_LABEL}project.working_dir", "")),
        reference=Reference.parse(string(value, "reference")),
        image_id=string(value, "image_id"),
        status=string(value, "status"),
        health=Health(health) if health in set(Health) else Health.NONE,
        exit_code=integer(value, "exit_code"),
        restarts=restarts,
        recent_restarts=recent_restarts(restarts, started_at, now),
        started_at=started_at,
        revision=str(labels.get(REVISION_LABEL, "")),
        one_off=str(labels.get(f"{_LABEL}oneoff", "False")) == "True",
        config_hash=str(labels.get(f"{_LABEL}config-hash", "")),
        knows_dependencies=bool(labels.get(f"{_LABEL}depends_on")),
        replaces=bool(labels.get(f"{_LABEL}replace")),
        stop_grace=_stop_grace(value.get("stop_grace")),
    )


def _stop_grace(said: object) -> float:
    """Docker says nothing where it is the default; what is below 0, Compose never wrote."""
    if not isinstance(said, int) or isinstance(said, bool) or said < 0:
        return DEFAULT_STOP_GRACE
    return float(min(said, LONGEST_DURATION))


def _image_store(output: ScriptOutput) -> str:
    """The storage driver, as the first container names it; empty where there is none."""
    line = next(iter(output.data.splitlines()), b"") if output.status == 0 else b""
    store = read_object(line).get("store", "") if line else ""
    return store if isinstance(store, str) else ""


def _images(output: ScriptOutput) -> tuple[LocalImage, ...]:
    from deployctl.compose.container import LocalImage

    rows = (line.split(" ") for line in output.lines)
    return tuple(LocalImage(*row) for row in rows if len(row) == len(("id", "repo", "tag", "dig")))


def _configuration(output: ScriptOutput) -> Configuration | None:
    if output.status != 0 or not output.data:
        return None
    return Configuration.from_json(
        read_object(output.data), hash=hashlib.sha256(output.data).hexdigest()
    )


def _config_hashes(output: ScriptOutput) -> dict[str, str]:
    """What `docker compose config --hash '*'` said; nothing where it failed."""
    rows = [line.split(" ") for line in output.lines] if output.status == 0 else []
    return {row[0]: row[1] for row in rows if len(row) == len(("service", "hash"))}


def _complaints(output: ScriptOutput) -> tuple[str, ...]:
    return () if output.status == 0 else output.lines[-5:]


def _paths(output: bytes) -> tuple[str, ...]:
    """One line each, in their order: the only fact that comes several times."""
    values = (read_object(line) for line in output.splitlines())
    return tuple(str(value.get("state")) for value in values if value.get("fact") == "path")


def _history(facts: Facts) -> History:
    from deployctl.release import record

    output = output_of(facts, "history")
    if output.status != 0:
        owner = _state_owner(facts)
        problem = (
            f"deployctl's directory on the host is {owner}'s, and this login may not look into it: "
            f"what is recorded, held or under way is not known; ask as {owner}"
            if owner
            else "the history file is there but cannot be read"
        )
        return record.History(problems=(problem,), readable=False)
    size = integer(facts.get("history-size", {"bytes": len(output.data)}), "bytes")
    return record.parse(output.data, size=size)


def _holder(facts: Facts, recorded: History) -> UnfinishedRun | None:
    """Who holds the lock; a run whose outcome is recorded only tidies up."""
    if facts.get("lock", {}).get("state") != "held":
        return None
    from deployctl.compose.host.lock import read_holder

    holder = read_holder(output_of(facts, "holder").data)
    return None if recorded.has_ended(holder.run) else holder


def _state_access(facts: Facts) -> str:
    access = str(facts.get("state", {}).get("access", ""))
    return access if access in {"not-writable", "not-there"} else ""


def _state_owner(facts: Facts) -> str:
    """A login, to be shown; empty: the directory is the user's own, or not known whose."""
    owner = next(iter(output_of(facts, "state-owner").lines), "")
    return shown_name(owner) if owner else ""


def _hold(output: ScriptOutput) -> Hold | None:
    if output.status == 0 and not output.data:
        return None
    from deployctl.compose.host.hold import read_hold

    return read_hold(output.data)


def _names(data: bytes) -> tuple[str, ...]:
    """Names that end with a NUL each; one that was cut off does not."""
    return tuple(name.decode("utf-8", "replace") for name in data.split(b"\0")[:-1])[:_MOST_NAMES]


def _timestamp(text: str) -> datetime:
    moment = read_moment(text)
    if moment is None:
        raise garbled("its clock shows no time")
    return moment
