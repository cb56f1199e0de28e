"""What is known of a service on its host: its one release, and what changed since it was made."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from deployctl.compose.container import ComposeContainer, LocalImage
from deployctl.compose.project import TAG_PLACEHOLDER, ConfiguredService
from deployctl.compose.service import (
    ServiceOnHost,
    changes_since_made,
    only_files_tell,
    release_of,
)
from deployctl.release.record import STARTED
from deployctl.release.reference import Reference
from deployctl.release.release import Release
from deployctl.release.results import Health, UnfinishedRun
from tests.unit.build import (
    IN_ORDER,
    SERVICE,
    container,
    digest,
    entry,
    facts,
    here,
    image_id,
    recorded,
    successes,
    tag,
)


def test_containers_are_one_release_or_none() -> None:
    moved = container(1, image_id=image_id(2))

    assert release_of([container(1), container(1)]) == Release(tag(1), image_id(1))
    assert release_of([]) is None
    assert release_of([container(1), moved]) is None
    assert release_of([container(1, reference=Reference("r")), container(1)]) is None


OTHERS = (
    container(9, project="other", working_directory="/srv/other"),
    container(9, service="worker"),
    container(9, one_off=True),
)
ELSEWHERE = container(2, working_directory="/srv/link/compose")
"""Made when the project's directory was reached by another path."""
LEFT_OVER = container(
    3, id="c3", status="created", started_at="0001-01-01T00:00:00Z", replaces=True
)


def found(*containers: ComposeContainer, resolved: bool = False) -> ServiceOnHost:
    """What is found to be the service, with and without what the compose files say."""
    changes: dict[str, Any] = {} if resolved else {"configuration": None}
    return ServiceOnHost.found(SERVICE, facts(*containers, **changes))


@pytest.mark.parametrize("resolved", [True, False])
def test_containers_of_others_and_one_off_runs_do_not_count(resolved: bool) -> None:
    assert found(container(2), *OTHERS, resolved=resolved).containers == (container(2),)
    assert found(resolved=resolved).containers == ()


def test_containers_are_the_services_by_their_project_whatever_path_it_had() -> None:
    assert found(ELSEWHERE, resolved=True).containers == (ELSEWHERE,)
    neighbour = container(9, service="worker")
    assert found(ELSEWHERE, neighbour).containers == (ELSEWHERE,)
    assert not only_files_tell(facts(ELSEWHERE, neighbour, configuration=None), SERVICE)


@pytest.mark.parametrize(
    ("containers", "resolve"),
    [
        ((ELSEWHERE,), True),
        ((container(2), container(9, project="staging")), True),
        ((container(2), *OTHERS), False),
        ((container(9, service="worker", working_directory="/srv/other"),), False),
        ((), False),
    ],
)
def test_the_files_are_resolved_only_where_nothing_else_tells_the_project(
    containers: tuple[ComposeContainer, ...], resolve: bool
) -> None:
    assert only_files_tell(facts(*containers, configuration=None), SERVICE) is resolve
    assert not only_files_tell(facts(*containers), SERVICE)


def test_what_is_left_over_is_no_container_of_the_service_but_still_there() -> None:
    service = found(container(2), LEFT_OVER, resolved=True)

    assert service.containers == (container(2),)
    assert service.leftovers == (LEFT_OVER,)
    assert service.all_containers == (container(2), LEFT_OVER)
    assert service.well


@pytest.mark.parametrize(
    "change", [{"status": "running"}, {"started_at": "2025-11-23T10:00:00Z"}, {"replaces": False}]
)
def test_what_has_started_or_replaces_nothing_is_not_left_over(change: dict[str, Any]) -> None:
    assert found(dataclasses.replace(LEFT_OVER, **change)).leftovers == ()


def test_while_a_run_is_under_way_nothing_is_left_over_yet() -> None:
    going_on = facts(container(2), LEFT_OVER, holder=UnfinishedRun())

    assert ServiceOnHost.found(SERVICE, going_on).leftovers == ()


def test_a_healthy_recorded_release_with_todays_files_runs_already() -> None:
    assert here(IN_ORDER).runs_already(tag(2))
    assert not here(IN_ORDER).runs_already(tag(1))
    beside = dataclasses.replace(IN_ORDER, containers=(container(2), LEFT_OVER))
    assert here(beside).runs_already(tag(2))


@pytest.mark.parametrize(
    "changes",
    [
        {"containers": (container(2, health=Health.UNHEALTHY),)},
        {"containers": (container(2, recent_restarts=3),)},
        {"containers": (container(2, image_id="sha256:other"),)},
        {"containers": (container(2), container(2))},
        {"containers": ()},
        {"history": successes(1)},
        {"history": recorded(entry(1, 2, files="00" * 32))},
        {"history": recorded(entry(1, 2), entry(2, 3, STARTED))},
    ],
)
def test_anything_else_is_deployed_again(changes: dict[str, Any]) -> None:
    assert not here(dataclasses.replace(IN_ORDER, **changes)).runs_already(tag(2))


# ---------------------------------------------------------------- dependencies

DB: dict[str, Any] = {"service": "db", "reference": Reference("db", "1"), "config_hash": "as-made"}


def changes(*images: LocalImage, uses_tag: bool = False, needs: bool = False, **db: Any) -> Any:
    """What is known to have changed since a database's container was made of image 7."""
    made = container(7, **{**DB, **db})
    tag_ = TAG_PLACEHOLDER if uses_tag else "1"
    configured = ConfiguredService(f"db:{tag_}", False, 1, {"cache": ""} if needs else {})
    found = facts(made, images=images, config_hashes={"db": "today"})
    return changes_since_made(found, configured, [made])


def named(number: int) -> LocalImage:
    """The row that says what db:1 names on the host."""
    return LocalImage(image_id(number), "db", "1", digest(number))


def test_a_configuration_that_was_edited_since_is_a_change() -> None:
    assert changes(named(7)) == ("another configuration",)
    assert changes(named(7), config_hash="today") == ()


def test_a_local_tag_that_moved_since_is_a_change() -> None:
    assert changes(named(8), config_hash="today") == ("another image",)
    assert changes(named(8)) == ("another configuration", "another image")


def test_an_image_that_is_not_named_any_more_is_not_known_to_have_changed() -> None:
    assert changes(config_hash="today") == ()
    pinned = Reference("db", "1", digest(7))
    assert changes(named(8), config_hash="today", reference=pinned) == ()


def test_a_configuration_whose_hash_depends_on_the_tag_cannot_be_compared() -> None:
    assert changes(named(7), uses_tag=True) == ()


def test_a_container_made_without_its_dependencies_cannot_be_compared() -> None:
    assert changes(named(7), needs=True) == ()
    assert changes(named(7), needs=True, knows_dependencies=True) == ("another configuration",)


def test_what_compose_did_not_say_is_no_change() -> None:
    made = container(7, **DB)
    configured = ConfiguredService("db:1", False, 1, {})

    assert changes_since_made(facts(made, images=(named(7),)), configured, [made]) == ()
