"""The command that asks for facts, what it prints, and what anything else in its place leads to."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.host.probe import probe_command, read_probe
from deployctl.compose.host.script import script_text
from deployctl.compose.lock import Stranger
from deployctl.compose.project import TAG_PLACEHOLDER
from deployctl.errors import HostError
from deployctl.release.hold import Hold
from deployctl.release.record import STARTED
from deployctl.release.results import Health, UnfinishedRun
from tests.unit import build
from tests.unit.build import (
    REPOSITORY,
    SERVICE,
    WEB,
    digest,
    entry,
    facts,
    image,
    image_id,
    tag,
    text,
)
from tests.unit.compose.host.printed import ENCODED, output, printed, with_host_errors_only
from tests.unit.compose.test_project import JSON

HOST = {"fact": "host", "user": "deploy", "now": "2025-11-23T12:00:00Z", "uptime": 1.5}
CONTAINER: dict[str, Any] = {
    "id": "c1",
    "name": "/infra-web-1",
    "reference": f"{REPOSITORY}:{tag(1)}",
    "image_id": image_id(1),
    "labels": {
        "com.docker.compose.service": WEB,
        "com.docker.compose.project": "infra",
        "com.docker.compose.project.working_dir": "/opt/infra/compose",
        "org.opencontainers.image.revision": "0000001aaaa",
    },
    "status": "running",
    "started_at": "2025-11-23T10:00:00Z",
    "exit_code": 0,
    "restarts": 2,
    "health": "healthy",
}


def test_a_probe_gets_the_directories_and_the_compose_files_in_their_order() -> None:
    command = probe_command(SERVICE, change=True)

    assert command.argv[:2] == ("sh", "-c")
    assert command.argv[2] == script_text("probe.sh")
    assert command.argv[4:] == (
        "change",
        "/opt/infra",
        "/opt/infra/.deployctl",
        WEB,
        "IMAGE_TAG",
        TAG_PLACEHOLDER,
        "",
        "compose/docker-compose.yml",
        "compose/web.yml",
    )
    assert probe_command(SERVICE, change=False).argv[4] == "status"


def test_a_probe_is_told_the_env_file_where_the_tag_is_to_be_kept_in_it() -> None:
    service = dataclasses.replace(SERVICE, persist=True)

    assert probe_command(service, change=True).argv[10] == "/opt/infra/compose/.env"


# ---------------------------------------------------------------- what it found


def test_a_probe_that_says_only_who_it_is_leaves_everything_else_empty() -> None:
    found = read_probe(printed(HOST))

    assert (found.user, found.now) == ("deploy", datetime(2025, 11, 23, 12, tzinfo=UTC))
    assert found.containers == ()
    assert found.configuration is None
    assert found.history.entries == ()
    assert found.holder is None
    assert found.hold is None


def test_containers_are_described() -> None:
    (found,) = read_probe(printed(HOST, output("containers", CONTAINER))).containers or ()

    assert (found.name, found.service, found.project) == ("infra-web-1", WEB, "infra")
    assert found.reference.tag == tag(1)
    assert found.health is Health.HEALTHY
    assert found.revision == "0000001aaaa"
    assert found.up
    assert found.well
    assert not found.one_off


@pytest.mark.parametrize(
    ("said", "seconds"), [(45, 45.0), (0, 0.0), (None, 10.0), (-1, 10.0), (True, 10.0), ("9", 10.0)]
)
def test_how_long_a_container_may_take_to_stop_is_what_it_was_made_with(
    said: Any, seconds: float
) -> None:
    value = {**CONTAINER, "stop_grace": said}
    (found,) = read_probe(printed(HOST, output("containers", value))).containers or ()

    assert found.stop_grace == seconds


@pytest.mark.parametrize("health", [None, "", "limbo", ["healthy"], 7])
def test_a_health_that_is_none_of_dockers_counts_as_no_health_check(health: Any) -> None:
    value = {**CONTAINER, "health": health}
    (found,) = read_probe(printed(HOST, output("containers", value))).containers or ()

    assert found.health is Health.NONE


@pytest.mark.parametrize("labels", [None, [], "x"])
def test_a_container_without_labels_is_nobodys(labels: Any) -> None:
    value = {**CONTAINER, "labels": labels}
    (found,) = read_probe(printed(HOST, output("containers", value))).containers or ()

    assert found.service == ""


@pytest.mark.parametrize(
    ("said", "problem"), [(b"missing\n", "missing"), (b"denied", "denied"), (b"", "silent")]
)
def test_a_docker_that_does_not_answer_comes_with_the_reason(said: bytes, problem: str) -> None:
    found = read_probe(printed(HOST, output("containers", said, 1)))

    assert found.containers is None
    assert found.docker_problem == problem


def test_the_configuration_comes_with_the_hash_of_what_the_host_said() -> None:
    said = b'{"name":"infra","services":{}}\n'
    found = read_probe(printed(HOST, output("config", said)))

    assert found.configuration
    assert found.configuration.project == "infra"
    assert found.configuration.hash.startswith("2d5a0d28") or len(found.configuration.hash) == 64


def test_a_compose_that_fails_leaves_its_last_words() -> None:
    words = "\n".join(f"line {n}" for n in range(9))
    found = read_probe(printed(HOST, output("config", words, 15), output("compose", "", 1)))

    assert found.configuration is None
    assert found.complaints == tuple(f"line {n}" for n in range(4, 9))
    assert found.compose_missing


def test_a_history_that_cannot_be_read_is_said_to_be() -> None:
    assert not read_probe(printed(HOST, output("history", b"", 1))).history.readable


def test_the_history_knows_the_size_of_the_whole_file() -> None:
    data = text([entry(1, 1), entry(2, 2)])
    size = {"fact": "history-size", "bytes": 100_000}
    found = read_probe(printed(HOST, size, output("history", data)))

    assert found.history.size == 100_000
    assert found.history.truncated


def test_a_lock_that_is_held_names_its_holder() -> None:
    lock = {"fact": "lock", "state": "held"}
    holder = {
        "run": "r",
        "by": "sam",
        "action": "deploy",
        "service": WEB,
        "tag": tag(1),
        "since": "now",
    }
    found = read_probe(printed(HOST, lock, output("holder", holder))).holder

    assert found
    assert found.text == f"deploy of {WEB} {tag(1)} by sam, since now"
    assert read_probe(printed(HOST, lock)).holder == UnfinishedRun()


def test_a_holder_whose_outcome_is_recorded_only_tidies_up() -> None:
    lock, holder = {"fact": "lock", "state": "held"}, output("holder", {"run": "r"})
    begun, ended = build.entry(1, 1, STARTED, run="r"), build.entry(2, 1, run="r")

    for lines, held in (([begun], True), ([begun, ended], False)):
        told = printed(HOST, lock, holder, output("history", build.text(lines)))
        assert (read_probe(told).holder is not None) is held


def test_a_lock_that_no_run_holds_names_what_does() -> None:
    lock = {"fact": "lock", "state": "stranger"}
    found = read_probe(printed(HOST, lock, output("stranger", b"7 mallory flock -x lock \n")))

    assert (found.holder, found.stranger) == (None, Stranger("7", "mallory", "'flock -x lock'"))
    assert read_probe(printed(HOST, {"fact": "lock", "state": "free"})).stranger is None


def test_in_another_users_directory_the_record_is_said_to_be_his() -> None:
    told = printed(HOST, output("history", b"", 1), output("state-owner", b"deploy\n"))
    found = read_probe(told)

    assert not found.history.readable
    assert found.state_owner == "deploy"
    assert "is deploy's" in found.history.problems[0]


def test_files_of_another_user_are_names_whatever_is_in_them() -> None:
    told = output("foreign", b"/s/a\nb\0/s/c\0/s/cut")
    state = {"fact": "state", "access": "not-writable"}

    found = read_probe(printed(HOST, told, state))

    assert found.foreign_files == ("/s/a\nb", "/s/c")
    assert found.state_access == "not-writable"
    assert read_probe(printed(HOST, {"fact": "state", "access": "rm -rf"})).state_access == ""


@pytest.mark.parametrize("data", [b"x", b"[]", b"{}", b"[" * 100_000])
def test_a_hold_that_cannot_be_read_is_still_a_hold(data: bytes) -> None:
    hold = read_probe(printed(HOST, output("hold", data))).hold

    assert hold == Hold("somebody", "an unknown time", "no readable reason")


def test_paths_are_in_their_order() -> None:
    paths = [
        {"fact": "path", "index": n, "state": s} for n, s in enumerate(["ok", "missing", "ok"])
    ]

    assert read_probe(printed(HOST, *paths)).paths == ("ok", "missing", "ok")


def test_images_are_rows_of_four_columns() -> None:
    row = f"{image_id(1)} {REPOSITORY} {tag(1)} {digest(1)}"
    found = read_probe(printed(HOST, output("images", f"{row}\nsomething else\n{row}")))

    assert found.digests_of(image_id(1)) == (digest(1),)
    assert found.digests_of(image_id(1), "other") == ()
    assert found.has_image(image_id(1))
    assert not found.has_image(image_id(2))


def test_a_digest_that_docker_does_not_know_is_none() -> None:
    row = image(1)
    unknown = type(row)(row.image_id, row.repository, row.tag, "<none>")

    assert facts(images=(unknown,)).digests_of(image_id(1)) == ()


@pytest.mark.parametrize(
    "garbled",
    [
        b"",
        b"Welcome to vps!\n",
        b"[]\n",
        b'{"fact":"tools"}\n',
        printed({**HOST, "user": 7}),
        printed({**HOST, "now": "yesterday"}),
        printed(HOST, {"fact": "containers", "output": "?", "status": 0}),
        printed(HOST, {"fact": "containers", "output": 7, "status": 0}),
        printed(HOST, {"fact": "containers", "output": "", "status": None}),
        printed(HOST, output("containers", b"not json")),
        printed(HOST, output("containers", {**CONTAINER, "id": None})),
        printed(HOST, output("config", b"not json")),
        printed(HOST, output("history", b""), {"fact": "history-size", "bytes": "many"}),
    ],
)
def test_an_answer_that_is_not_the_scripts_is_an_error_of_the_host(garbled: bytes) -> None:
    with pytest.raises(HostError) as caught:
        read_probe(garbled)
    assert caught.value.code == "host-garbled"


NAMES = [
    *("host", "tools", "path", "containers", "images", "config", "compose", "history"),
    *("history-size", "lock", "holder", "hold", "foreign", "disk", "logout"),
]
FACT = st.fixed_dictionaries(
    {"fact": st.sampled_from(NAMES)},
    optional={
        "output": ENCODED | JSON,
        "status": st.just(0) | JSON,
        "state": st.sampled_from(["held", "free", "ok"]) | JSON,
        "bytes": st.integers() | JSON,
        "missing": JSON,
        "user": st.text(max_size=3) | JSON,
        "now": st.just("2025-11-23T12:00:00Z") | JSON,
        "kills": JSON,
    },
)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_facts_or_an_error_of_the_host(data: bytes) -> None:
    with_host_errors_only(read_probe, data)


@given(st.lists(FACT, max_size=6))
def test_arbitrary_facts_are_facts_or_an_error_of_the_host(values: list[dict[str, Any]]) -> None:
    with_host_errors_only(read_probe, printed(HOST, *values))


@given(st.dictionaries(st.sampled_from(list(CONTAINER)), JSON))
def test_an_arbitrary_container_is_facts_or_an_error_of_the_host(changes: dict[str, Any]) -> None:
    value = output("containers", {**CONTAINER, **changes})
    with_host_errors_only(read_probe, printed(HOST, value))
