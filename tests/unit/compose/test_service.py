"""What is known of a service on its host: its one release, and what changed since it was made."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from deployctl.compose.container import LocalImage
from deployctl.compose.project import TAG_PLACEHOLDER, ConfiguredService
from deployctl.compose.service import changes_since_made, containers_of, release_of
from deployctl.release.record import STARTED
from deployctl.release.reference import Reference
from deployctl.release.release import Release
from deployctl.release.results import Health
from tests.unit.build import (
    IN_ORDER,
    WEB,
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


def test_containers_of_other_services_and_one_off_runs_do_not_count() -> None:
    found = facts(
        container(2),
        container(9, working_directory="/srv/other"),
        container(9, service="worker"),
        container(9, one_off=True),
    )

    assert len(containers_of(found, WEB, project="infra")) == 2
    assert containers_of(facts(), WEB) == ()
    assert containers_of(dataclasses.replace(found, containers=None), WEB) == ()


def test_a_healthy_recorded_release_with_todays_files_runs_already() -> None:
    assert here(IN_ORDER).runs_already(tag(2))
    assert not here(IN_ORDER).runs_already(tag(1))


@pytest.mark.parametrize(
    "changes",
    [
        {"containers": (container(2, health=Health.UNHEALTHY),)},
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
