"""What is taken from the resolved configuration, and the command lines that are made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.project import COMPLETED, HEALTHY, STARTED, Configuration, compose_argv, up
from tests.unit.build import tag

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


def project(**services: Any) -> Configuration:
    return Configuration.from_json({"name": "infra", "services": services}, hash="ff")


def test_what_a_deploy_needs_is_taken_from_the_configuration() -> None:
    found = project(
        web={
            "image": "registry/web:deployctl-tag-placeholder",
            "depends_on": {"db": {"condition": "service_healthy"}},
            "deploy": {"replicas": 3},
        }
    )
    web = found.services["web"]

    assert (found.project, found.hash) == ("infra", "ff")
    assert web.uses_tag
    assert not web.builds
    assert web.replicas == 3
    assert web.dependencies == {"db": "service_healthy"}
    assert str(web.image_with(tag(1))) == f"registry/web:{tag(1)}"


@pytest.mark.parametrize(
    "image",
    [
        "",
        "web:1",
        "web",
        "deployctl-tag-placeholder/web:1",
        "web:1-deployctl-tag-placeholder",
        "web:deployctl-tag-placeholder-alpine",
    ],
)
def test_a_service_whose_tag_is_not_the_given_one_does_not_follow_it(image: str) -> None:
    assert not project(web={"image": image}).services["web"].uses_tag


@pytest.mark.parametrize(
    ("value", "replicas"),
    [
        ({}, 1),
        ({"scale": 2}, 2),
        ({"deploy": {"replicas": 2}}, 2),
        ({"deploy": {"replicas": 2}, "scale": 3}, 3),
        ({"scale": 0}, 1),
        ({"scale": "2"}, 1),
        ({"deploy": None}, 1),
    ],
)
def test_a_service_has_one_container_unless_it_says_so(value: Any, replicas: int) -> None:
    assert project(web=value).services["web"].replicas == replicas


@pytest.mark.parametrize(
    ("healthcheck", "seconds"),
    [
        ({"start_period": "1m30s"}, 90.0),
        ({"start_period": "1h0m0s"}, 3600.0),
        ({"start_period": "250ms"}, 0.25),
        ({"start_period": "1m30s", "disable": True}, 0.0),
        ({}, 0.0),
        (None, 0.0),
        ("1m30s", 0.0),
        *(
            ({"start_period": odd}, 0.0)
            for odd in (90, None, "", "-5s", "9" * 5000 + "s", "1µs", "inf", ["1s"])
        ),
    ],
)
def test_the_start_period_is_what_compose_writes_and_nothing_else(
    healthcheck: Any, seconds: float
) -> None:
    found = project(web={"healthcheck": healthcheck})

    assert found.services["web"].start_period == seconds


@pytest.mark.parametrize(
    ("written", "seconds"),
    [({}, 10.0), ({"stop_grace_period": "6m40s"}, 400.0), ({"stop_grace_period": "odd"}, 10.0)],
)
def test_the_time_that_containers_may_take_to_stop_is_composes(
    written: dict[str, str], seconds: float
) -> None:
    found = project(web=written)

    assert found.services["web"].stop_grace == seconds


def test_a_build_section_is_seen_even_when_it_is_empty() -> None:
    assert project(web={"image": "web", "build": None}).services["web"].builds


def test_dependencies_may_be_a_list() -> None:
    assert project(web={"depends_on": ["db"]}).services["web"].dependencies == {"db": ""}


def test_what_is_needed_first_comes_first() -> None:
    found = project(
        web={"depends_on": ["api", "db"]}, api={"depends_on": ["db"]}, db={"depends_on": ["disk"]}
    )

    assert found.needed_by("web") == ("disk", "db", "api")
    assert found.needed_by("disk") == ()


def test_the_most_that_is_asked_of_a_service_on_the_way_is_what_it_must_be() -> None:
    found = project(
        web={"depends_on": {"api": {}, "db": {"condition": STARTED}, "init": {"condition": "x"}}},
        api={"depends_on": {"db": {"condition": HEALTHY}, "init": {"condition": COMPLETED}}},
    )

    assert found.conditions_on("web") == {"db": HEALTHY, "init": COMPLETED, "api": STARTED}


def test_a_cycle_of_dependencies_ends() -> None:
    assert set(project(a={"depends_on": ["b"]}, b={"depends_on": ["a"]}).needed_by("a")) <= {
        "a",
        "b",
    }


def test_services_that_share_the_tag_are_named() -> None:
    image = "x:deployctl-tag-placeholder"
    found = project(web={"image": image}, worker={"image": image}, db={"image": "db:1"})

    assert found.sharing_tag("web") == ("worker",)


@given(JSON)
def test_any_json_is_a_configuration(value: Any) -> None:
    found = Configuration.from_json(value if isinstance(value, dict) else {}, hash="")
    for name in found.services:
        found.needed_by(name)
        found.sharing_tag(name)


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.dictionaries(st.sampled_from(["image", "build", "deploy", "scale", "depends_on"]), JSON),
        max_size=4,
    )
)
def test_services_of_any_json_are_a_configuration(services: dict[str, Any]) -> None:
    found = Configuration.from_json({"name": "x", "services": services}, hash="")
    for name in found.services:
        found.needed_by(name)


def test_the_command_lines_are_those_that_a_person_would_type() -> None:
    files = ["compose/docker-compose.yml", "b.yml"]

    assert " ".join(compose_argv(files)) == "docker compose -f compose/docker-compose.yml -f b.yml"
    assert up(files, "web", "IMAGE_TAG", tag(1)).as_shell() == (
        f"IMAGE_TAG={tag(1)} docker compose -f compose/docker-compose.yml -f b.yml "
        "up -d --no-deps --no-build --pull never web"
    )
