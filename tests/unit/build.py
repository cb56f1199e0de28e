"""Small builders of the values that decisions are made on: a usual one, changed where told."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from deployctl.compose.container import ComposeContainer, LocalImage
from deployctl.compose.facts import HostFacts
from deployctl.compose.kept_images import Outdated
from deployctl.compose.plan import Plan
from deployctl.compose.project import Configuration, ConfiguredService
from deployctl.compose.service import ConfiguredOnHost
from deployctl.inventory import ComposeService, Host
from deployctl.release import record
from deployctl.release.origin import Origin
from deployctl.release.reference import Reference
from deployctl.release.release import Action, Release
from deployctl.release.results import Health

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = datetime(2025, 11, 23, 12, 0, 0, tzinfo=UTC)
WEB = "web"
REPOSITORY = "registry.example/web"
FILES = "f1" * 32
HOST = Host(name="vps", address="vps.example", user="deploy")
SERVICE = ComposeService(
    name=WEB,
    hosts=("vps",),
    directory="/opt/infra",
    compose_files=("compose/docker-compose.yml", "compose/web.yml"),
    state_directory="/opt/infra/.deployctl",
)


def tag(number: int) -> str:
    """Return the tag of the release with this number."""
    return f"sha-{number:07x}"


def image_id(number: int) -> str:
    """Return docker's id of the release with this number."""
    return f"sha256:{number:064x}"


def digest(number: int) -> str:
    """Return the registry's digest of the release with this number."""
    return f"sha256:d{number:063x}"


def release(number: int) -> Release:
    """Return the release with this number."""
    return Release(tag(number), image_id(number), digest(number))


def entry(
    seq: int,
    number: int,
    event: str = record.SUCCEEDED,
    *,
    action: str = "deploy",
    run: str = "",
    previous: int | None = None,
    service: str = WEB,
    **fields: Any,
) -> dict[str, Any]:
    """Return a history line about the release with this number, as the host writes it."""
    return {
        "v": 1,
        "seq": seq,
        "at": f"2025-11-{1 + seq % 28:02d}T10:00:00Z",
        "event": event,
        "run": run or f"run-{seq}",
        "action": action,
        "service": service,
        "tag": tag(number),
        "digest": digest(number),
        "image_id": image_id(number),
        "image_store": "",
        "files": FILES,
        "previous": None
        if previous is None
        else {
            "tag": tag(previous),
            "image_id": image_id(previous),
            "digest": digest(previous),
        },
        "by": "kim",
        "source": "terminal",
        "run_url": "",
        "reason": "",
        "seconds": 1.5,
        **fields,
    }


def text(lines: Iterable[dict[str, Any]]) -> bytes:
    """Return history lines as the bytes of the file."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def recorded(*lines: dict[str, Any]) -> record.History:
    """Return a history as it is read from these lines."""
    return record.parse(text(lines))


def successes(*numbers: int) -> record.History:
    """Return the history of releases that were deployed one after the other."""
    return recorded(*(entry(seq, number) for seq, number in enumerate(numbers, start=1)))


def container(number: int = 1, **changes: Any) -> ComposeContainer:
    """Return a healthy container of the release with this number."""
    usual = ComposeContainer(
        id=f"{number:064x}",
        name="infra-web-1",
        service=WEB,
        project="infra",
        working_directory="/opt/infra/compose",
        reference=Reference(REPOSITORY, tag(number)),
        image_id=image_id(number),
        status="running",
        health=Health.HEALTHY,
        exit_code=0,
        restarts=0,
        recent_restarts=0,
        started_at="2025-11-23T10:00:00Z",
        revision="",
    )
    return dataclasses.replace(usual, **changes)


def image(number: int) -> LocalImage:
    """Return the row of the host's image list about the release with this number."""
    return LocalImage(image_id(number), REPOSITORY, tag(number), digest(number))


def configuration(**changes: Any) -> Configuration:
    """Return a project with the service `web`, which needs a database, and a worker beside it."""
    web: dict[str, Any] = {
        "image": f"{REPOSITORY}:deployctl-tag-placeholder",
        "builds": False,
        "replicas": 1,
        "dependencies": {},
        **changes,
    }
    return Configuration("infra", {WEB: ConfiguredService(**web)}, FILES)


def facts(*containers: ComposeContainer, **changes: Any) -> HostFacts:
    """Return what a probe of a host in good order finds."""
    usual = HostFacts(
        user="deploy",
        now=NOW,
        paths=("ok", "ok", "ok"),
        containers=containers,
        configuration=configuration(),
        free_kib=10_000_000,
    )
    return dataclasses.replace(usual, **changes)


IN_ORDER = facts(container(2), history=successes(1, 2), images=(image(1), image(2)))
"""Releases 1 and 2 succeeded one after the other, and release 2 runs."""


def here(found: HostFacts, **service: Any) -> ConfiguredOnHost:
    """Return the service on this host, with some of its settings changed."""
    assert found.configuration
    return ConfiguredOnHost.of(dataclasses.replace(SERVICE, **service), found, found.configuration)


def plan(**changes: Any) -> Plan:
    """Return the deploy of release 2 where release 1 runs."""
    usual = Plan(
        run="20251123t120000z-0a1b2c3d",
        action=Action.DEPLOY,
        service=SERVICE,
        project="infra",
        release=release(2),
        image=f"{REPOSITORY}:{tag(2)}",
        previous=release(1),
        previous_image=f"{REPOSITORY}:{tag(1)}",
        previous_run="",
        replicas=1,
        stop_grace=10.0,
        up_limit=310.0,
        dependencies=(),
        looked_at=(),
        recreate=False,
        alone=True,
        env_file="",
        served_well=True,
        serving=tag(1),
        seen_containers=(container(1),),
        seen_history=0,
        files=FILES,
        image_store="overlay2",
        next_seq=1,
        found=(),
        outdated=Outdated((), ()),
        configurations=(),
        origin=Origin("kim", "terminal"),
        wait=0.0,
        now=NOW,
    )
    return dataclasses.replace(usual, **changes)
