"""What is decided before a run starts: what a failure puts back, and what is kept."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from deployctl.compose.container import ComposeContainer, LocalImage, Need
from deployctl.compose.facts import HostFacts
from deployctl.compose.kept_images import Outdated
from deployctl.compose.plan import FirstNeed, Plan, commands, new_run_id, plan_of
from deployctl.compose.project import COMPLETED, HEALTHY, ConfiguredService
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
    WEB,
    configuration,
    container,
    entry,
    facts,
    here,
    image,
    image_id,
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


def kept(*tags: str) -> tuple[LocalImage, ...]:
    """Images under our own names."""
    return tuple(LocalImage(image_id(9), "deployctl/infra/web", tag, "<none>") for tag in tags)


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

    assert plan(found).dependencies == (FirstNeed("db", Need.START, HEALTHY),)
    assert plan(found).looked_at == ("db", "cache")
    all_there = (container(2), there, container(8, service="db"))
    assert plan(dataclasses.replace(found, containers=all_there)).looked_at == ()


def test_an_up_may_take_as_long_as_the_old_containers_take_to_stop() -> None:
    slow = dataclasses.replace(IN_ORDER, configuration=configuration(stop_grace=400.0))

    assert (plan(slow).stop_grace, plan(slow).up_limit) == (400.0, 700.0)


def test_what_was_made_with_more_time_to_stop_takes_that_whatever_the_files_say_today() -> None:
    made = dataclasses.replace(IN_ORDER, containers=(container(2, stop_grace=400.0),))

    assert (plan(made).stop_grace, plan(made).up_limit) == (400.0, 700.0)


def migrating(*containers: ComposeContainer) -> HostFacts:
    """A service that needs a migration, which is made of each release."""
    web = configuration(dependencies={"migrate": COMPLETED}).services[WEB]
    services = {WEB: web, "migrate": dataclasses.replace(web, dependencies={})}
    project = dataclasses.replace(configuration(), services=services)
    return dataclasses.replace(
        IN_ORDER, configuration=project, containers=(container(2), *containers)
    )


@pytest.mark.parametrize(
    ("number", "there", "need"),
    [
        (3, {}, Need.RUN),
        (2, {}, None),
        (2, {"exit_code": 1}, Need.RUN),
        (2, {"status": "running"}, Need.WAIT),
        (3, {"status": "running"}, Need.RUN),
    ],
)
def test_a_one_shot_runs_for_each_release_once_and_for_no_rollback(
    number: int, there: dict[str, Any], need: Need | None
) -> None:
    found = migrating(container(2, service="migrate", **{"status": "exited", **there}))
    first = FirstNeed("migrate", need, COMPLETED) if need else None

    assert plan(found, number).dependencies == ((first,) if first else ())
    assert plan(found, number, action=Action.ROLLBACK).dependencies == ()


def test_compose_is_not_let_near_a_one_shot_that_it_would_run_again() -> None:
    project = configuration(dependencies={"queue": "", "init": COMPLETED})
    init = ConfiguredService("init:1", builds=False, replicas=1, dependencies={})
    queue = dataclasses.replace(init, image="queue:1", dependencies={"init": COMPLETED})
    services = {**project.services, "init": init, "queue": queue}
    found = dataclasses.replace(
        migrating(), configuration=dataclasses.replace(project, services=services)
    )

    assert plan(found, persist=True).alone
    assert plan(found).dependencies == (
        FirstNeed("init", Need.RUN, COMPLETED),
        FirstNeed("queue", Need.START_ALONE, "service_started"),
    )
    assert plan(found).looked_at == ("queue",)
    typed = commands(here(found), Action.DEPLOY, release(3), fetch=False)
    assert [line.split(" up ")[1] for line in typed[1:]] == [
        "-d --no-deps --pull missing --no-build init",
        "-d --no-recreate --no-deps --no-build queue",
        "-d --no-deps --no-build --pull never web",
    ]


def test_tags_that_a_rollback_needs_are_kept() -> None:
    found = dataclasses.replace(
        IN_ORDER, images=kept(*map(tag, range(1, 7))), history=successes(1, 2, 3, 4, 2)
    )

    assert set(plan(found, 5, keep=2).outdated.tags) == {tag(1), tag(3), tag(6)}


def test_where_the_next_rollback_goes_is_kept_too() -> None:
    found = dataclasses.replace(
        IN_ORDER,
        containers=(container(4),),
        images=kept(*map(tag, range(1, 5))),
        history=successes(1, 2, 3, 4),
    )

    for number, gone in ((3, {tag(1)}), (2, {tag(3)})):
        decided = plan(found, number, keep=1, action=Action.ROLLBACK)
        assert set(decided.outdated.tags) == gone


def test_all_releases_are_kept_where_the_inventory_says_so() -> None:
    found = dataclasses.replace(IN_ORDER, images=kept(tag(9), f"{tag(8)}-fetched-1"))

    # But not the second name of the release that is deployed.
    assert plan(found, 3, keep=0).outdated == Outdated((f"{tag(3)}-fetched-3",), ())


def test_only_names_of_the_project_and_the_service_go() -> None:
    names = ("deployctl/web", "deployctl/staging/web", "deployctl/infra/other", REPOSITORY)
    others = tuple(LocalImage(image_id(9), name, tag(9), "<none>") for name in names)
    found = dataclasses.replace(
        IN_ORDER, images=(*others, *kept(tag(8), "*", "-x", "<none>", tag(1)))
    )

    # The last is what the run itself has fetched.
    gone = (tag(8), f"{tag(3)}-fetched-3")
    assert plan(found, 3).outdated == Outdated(gone, (tag(8),))


# ---------------------------------------------------------------- dry run


def test_a_dry_run_says_what_a_person_would_type() -> None:
    needs = configuration(dependencies={"db": ""})
    said = commands(
        here(dataclasses.replace(IN_ORDER, configuration=needs)),
        Action.DEPLOY,
        release(3),
        fetch=True,
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
    assert len(commands(here(IN_ORDER), Action.ROLLBACK, release(1), fetch=False)) == 2


# ---------------------------------------------------------------- what a run is known by


def test_run_ids_sort_by_time_and_are_made_once() -> None:
    one, other = new_run_id(NOW), new_run_id(NOW)

    assert one.startswith("20251123t120000z-")
    assert one != other
    assert is_run_id(one)


@pytest.mark.parametrize("text", ["", "..", "../../etc", "a b", "$(id)", "-rf-----", "x" * 65])
def test_what_names_no_run_is_no_run_id(text: str) -> None:
    assert not is_run_id(text)
