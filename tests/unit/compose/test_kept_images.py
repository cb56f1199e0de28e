"""Our own names for images: each pair of names has one, and docker takes it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.kept_images import (
    Outdated,
    fetched_tag,
    kept_image,
    kept_repositories,
    kept_repository,
    outdated,
)
from tests.unit.build import tag

# As the distribution specification has them; docker puts "docker.io/" in front.
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(f"deployctl/{COMPONENT}/{COMPONENT}")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
LONGEST = 255 - len("docker.io/")

tricky = st.text(st.sampled_from("aA0_-./ é_-2e5f"), max_size=12)
names = st.one_of(tricky, st.text(max_size=300), st.text("aZ_.-", min_size=20, max_size=300))


def read_back(component: str) -> str:
    text = component.removeprefix("0") if re.match("0__|0$", component) else component
    plain = re.sub("__([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)
    return plain.encode("latin-1").decode("utf-8", "surrogatepass")


@given(names, names)
def test_any_two_names_make_one_that_docker_takes(project: str, service: str) -> None:
    name = kept_repository(project, service)

    assert REPOSITORY.fullmatch(name)
    assert len(name) <= LONGEST


@given(names, names)
def test_both_names_can_be_read_back(project: str, service: str) -> None:
    _, *components = kept_repository(project, service).split("/")

    for component, name in zip(components, (project, service), strict=True):
        assert "--" in component or read_back(component) == name


@given(st.tuples(names, names), st.tuples(names, names))
def test_two_pairs_never_have_one_name(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (kept_repository(*one) == kept_repository(*other)) == (one == other)


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("web", "web"),
        ("enforcer-backend", "enforcer-backend"),
        ("a_b.c-d", "a_b.c-d"),
        ("A", "0__41"),
        ("a__b", "a__5f__5fb"),
        ("a--b", "a__2d__2db"),
        ("myApp", "my__41pp"),
        ("-x-", "0__2dx__2d"),
        ("0day", "0__30day"),
        ("", "0"),
        ("ü", "0__c3__bc"),
    ],
)
def test_what_docker_takes_stays_as_it_is(name: str, component: str) -> None:
    assert kept_repository("infra", name) == f"deployctl/infra/{component}"
    assert kept_repository(name, "web") == f"deployctl/{component}/web"


def test_a_long_name_begins_as_it_is_and_ends_in_its_hash() -> None:
    long, longer = kept_repository("infra", "web_" * 30), kept_repository("infra", "web_" * 31)

    assert re.fullmatch("deployctl/infra/(web_){7}web--[0-9a-f]{64}", long)
    assert long != longer


def test_names_of_the_version_before_are_known_too() -> None:
    assert kept_repositories("infra", "web") == ("deployctl/infra/web", "deployctl/web")
    assert kept_repositories(None, "web") == ("deployctl/web",)


def test_what_is_fetched_has_a_name_of_its_own_that_says_what_it_is() -> None:
    name = kept_image("infra", "web", fetched_tag(tag(1), 2**53))

    assert name == f"deployctl/infra/web:{tag(1)}-fetched-{2**53}"
    assert TAG.fullmatch(fetched_tag("sha-" + 40 * "f", 2**53))


def test_a_tag_of_the_service_goes_with_the_last_of_our_names_for_it() -> None:
    kept = [tag(1), fetched_tag(tag(2), 3), tag(2), fetched_tag(tag(3), 9), "x y", "*", "<none>"]

    gone = (tag(1), fetched_tag(tag(2), 3), fetched_tag(tag(3), 9))
    assert outdated(kept, [tag(2)]) == Outdated(gone, (tag(1), tag(3)))


@pytest.mark.parametrize("keep", [[tag(1)], None])
def test_a_release_that_stays_does_not_lose_its_only_name(keep: list[str] | None) -> None:
    assert outdated([fetched_tag(tag(1), 3)], keep) == Outdated((), ())
