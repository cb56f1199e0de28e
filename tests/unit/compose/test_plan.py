"""What is decided before a run starts: what a failure puts back, and what is kept."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from deployctl.compose.facts import HostFacts
from deployctl.compose.plan import Plan, commands, new_run_id, plan_of
from deployctl.release.origin import Origin
from deployctl.release.record import STARTED
from deployctl.release.reference import Reference
from deployctl.release.release import Action
from deployctl.release.results import Health, is_run_id
from tests.unit.build import (
    FILES,
    IN_ORDER,
    NOW,
    REPOSITORY,
    configuration,
    container,
    entry,
    facts,
    here,
    image,
    recorded,
    release,
    successes,
    tag,
)


def plan(found: HostFacts, number: int = 3, action: Action = Action.DEPLOY, **service: Any) -> Plan:
    return plan_of(
        here(found, **service),
        action,
        release(number),
        origin=Origin("kim", "terminal"),
        wait=0.0,
        now=NOW,
    )


# ---------------------------------------------------------------- what a failure puts back


def test_what_runs_and_is_healthy_is_put_back() -> None:
    decided = plan(IN_ORDER)

    assert decided.previous == release(2)
    assert decided.previous_image == f"{REPOSITORY}:{tag(2)}"
    assert decided.previous_run == ""


def test_even_if_it_was_started_by_hand() -> None:
    assert plan(dataclasses.replace(IN_ORDER, containers=(container(9),))).previous_image == (
        f"{REPOSITORY}:{tag(9)}"
    )


@pytest.mark.parametrize(
    "runs",
    [
        (container(9, health=Health.UNHEALTHY),),
        (container(9, status="exited"),),
        (container(9), container(8)),
        (container(9, reference=Reference("elsewhere/web", tag(9))),),
        (container(9, reference=Reference(REPOSITORY)),),
        (),
    ],
)
def test_otherwise_the_last_success_is_put_back(runs: tuple[Any, ...]) -> None:
    assert plan(dataclasses.replace(IN_ORDER, containers=runs)).previous == release(2)


def test_nothing_is_put_back_where_the_last_success_is_gone_from_the_host() -> None:
    decided = plan(dataclasses.replace(IN_ORDER, containers=(), images=(image(1),)))

    assert decided.previous is None
    assert decided.previous_image == ""


def test_a_first_deploy_has_nothing_to_put_back() -> None:
    assert plan(facts()).previous is None


def test_the_kept_configuration_is_used_only_where_the_files_have_changed_since() -> None:
    changed = recorded(entry(1, 1), entry(2, 2, run="r2", files="00" * 32))

    assert plan(dataclasses.replace(IN_ORDER, history=changed)).previous_run == "r2"


# ---------------------------------------------------------------- the rest of the plan


def test_the_plan_names_what_the_decision_was_made_on() -> None:
    decided = plan(IN_ORDER)

    assert decided.seen_containers == (container(2),)
    assert decided.seen_history == IN_ORDER.history.size
    assert decided.files == FILES
    assert decided.next_seq == 3
    assert decided.image == f"{REPOSITORY}:{tag(3)}"


def test_runs_without_an_outcome_are_recorded_first() -> None:
    unfinished = recorded(entry(1, 1), entry(2, 2, STARTED, run="lost"))

    assert [e.run for e in plan(dataclasses.replace(IN_ORDER, history=unfinished)).found] == [
        "lost"
    ]


@pytest.mark.parametrize(
    ("health", "number", "recreate"),
    [
        (Health.HEALTHY, 2, False),
        (Health.UNHEALTHY, 2, True),
        (Health.UNHEALTHY, 3, False),
    ],
)
def test_an_unwell_container_of_the_same_release_is_made_anew(
    health: Health, number: int, recreate: bool
) -> None:
    found = dataclasses.replace(IN_ORDER, containers=(container(2, health=health),))

    assert plan(found, number).recreate is recreate


def test_dependencies_that_are_not_there_are_started_first() -> None:
    needs = configuration(dependencies={"db": "service_healthy", "cache": ""})
    there = container(7, service="cache")
    found = dataclasses.replace(IN_ORDER, configuration=needs, containers=(container(2), there))

    assert plan(found).dependencies == ("db",)


def test_tags_that_a_rollback_needs_are_kept() -> None:
    decided = plan(dataclasses.replace(IN_ORDER, history=successes(1, 2, 3, 4, 2)), 5, keep=2)

    assert decided.keep_tags
    assert decided.keep_tags[0] == tag(5)
    assert {tag(2), tag(4)} <= set(decided.keep_tags)
    assert tag(1) not in decided.keep_tags


def test_where_the_next_rollback_goes_is_kept_too() -> None:
    found = dataclasses.replace(IN_ORDER, containers=(container(4),), history=successes(1, 2, 3, 4))

    for number, below in ((3, 2), (2, 1)):
        decided = plan(found, number, keep=1, action=Action.ROLLBACK)
        assert decided.keep_tags
        assert tag(below) in decided.keep_tags


def test_all_tags_are_kept_where_the_inventory_says_so() -> None:
    assert plan(IN_ORDER, keep=0).keep_tags is None


# ---------------------------------------------------------------- dry run


def test_a_dry_run_says_what_a_person_would_type() -> None:
    needs = configuration(dependencies={"db": ""})
    said = commands(
        here(dataclasses.replace(IN_ORDER, configuration=needs)), release(3), fetch=True
    )
    compose = (
        f"IMAGE_TAG={tag(3)} docker compose -f compose/docker-compose.yml -f compose/web.yml up -d"
    )

    assert said == (
        "cd /opt/infra",
        f"docker pull {REPOSITORY}:{tag(3)}",
        f"{compose} --no-recreate --no-build db",
        f"{compose} --no-deps --no-build --pull never web",
    )
    assert len(commands(here(IN_ORDER), release(1), fetch=False)) == 2


# ---------------------------------------------------------------- what a run is known by


def test_run_ids_sort_by_time_and_are_made_once() -> None:
    one, other = new_run_id(NOW), new_run_id(NOW)

    assert one.startswith("20251123t120000z-")
    assert one != other
    assert is_run_id(one)


@pytest.mark.parametrize("text", ["", "..", "../../etc", "a b", "$(id)", "-rf-----", "x" * 65])
def test_what_names_no_run_is_no_run_id(text: str) -> None:
    assert not is_run_id(text)
