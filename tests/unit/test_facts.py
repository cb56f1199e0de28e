"""Facts: what the host scripts print, and what anything else in its place leads to."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.facts import FetchedImage, FetchFailure, Hold
from deployctl.compose.host.fetch import read_fetch
from deployctl.compose.host.lock import read_holder, read_stranger
from deployctl.compose.host.probe import read_probe
from deployctl.compose.host.wire import decode
from deployctl.errors import HostError
from deployctl.history import STARTED
from deployctl.model import Health, Stranger, UnfinishedRun
from tests.unit import build
from tests.unit.build import (
    REPOSITORY,
    WEB,
    digest,
    entry,
    facts,
    image,
    image_id,
    release,
    tag,
    text,
)
from tests.unit.test_compose import JSON

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


def output(name: str, data: bytes | str | dict[str, Any], status: int = 0) -> dict[str, Any]:
    """Return the fact that a command on the host said something."""
    if isinstance(data, dict):
        data = json.dumps(data)
    if isinstance(data, str):
        data = data.encode()
    return {"fact": name, "output": base64.b64encode(data).decode(), "status": status}


def printed(*values: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


# ---------------------------------------------------------------- the probe


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


@pytest.mark.parametrize("data", [b"", b"7", b"7 mallory", b"x y z", b"-7 a b", b"\xff\n\n"])
def test_a_stranger_that_cannot_be_read_is_one_that_cannot_be_seen(data: bytes) -> None:
    assert read_stranger(data) == Stranger()


@given(st.binary(max_size=80))
def test_a_stranger_is_shown_without_control_characters(data: bytes) -> None:
    assert read_stranger(b"7 " + data).text.isprintable()
    assert read_stranger(b"7 mallory " + data).text.isprintable()


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


@pytest.mark.parametrize("data", [b"", b"x", b"[]", b"[" * 100_000, b"\xff"])
def test_a_holder_that_cannot_be_read_is_somebody(data: bytes) -> None:
    assert read_holder(data).text == "another deployctl run"


@pytest.mark.parametrize("data", [b"x", b"[]", b"{}", b"[" * 100_000])
def test_a_hold_that_cannot_be_read_is_still_a_hold(data: bytes) -> None:
    hold = read_probe(printed(HOST, output("hold", data))).hold

    assert hold == Hold("somebody", "an unknown time", "no readable reason")


@pytest.mark.parametrize(
    ("said", "free"),
    [
        ("Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/sda 9 4 5 44% /", 5),
        ("", None),
        ("/dev/sda 9 4", None),
        ("/dev/sda 9 4 x 44% /", None),
        ("/dev/sda 9 4 " + "9" * 5000, None),
    ],
)
def test_the_free_space_is_the_fourth_column(said: str, free: int | None) -> None:
    assert read_probe(printed(HOST, output("disk", said))).free_kib == free


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
ENCODED = st.one_of(st.binary(max_size=30), JSON.map(lambda value: json.dumps(value).encode())).map(
    lambda data: base64.b64encode(data).decode()
)
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
    for read in (read_probe, lambda some: read_fetch(some, REPOSITORY)):
        with_host_errors_only(read, data)


@given(st.lists(FACT, max_size=6))
def test_arbitrary_facts_are_facts_or_an_error_of_the_host(values: list[dict[str, Any]]) -> None:
    with_host_errors_only(read_probe, printed(HOST, *values))


@given(st.dictionaries(st.sampled_from(list(CONTAINER)), JSON))
def test_an_arbitrary_container_is_facts_or_an_error_of_the_host(changes: dict[str, Any]) -> None:
    value = output("containers", {**CONTAINER, **changes})
    with_host_errors_only(read_probe, printed(HOST, value))


def with_host_errors_only(read: Any, data: bytes) -> None:
    with contextlib.suppress(HostError):
        read(data)


# ---------------------------------------------------------------- the fetch


def fetched(pull: str, image_value: dict[str, Any], status: int = 0) -> Any:
    return read_fetch(
        printed(output("pull", pull), output("image", image_value, status)), REPOSITORY
    )


IMAGE: dict[str, Any] = {
    "image_id": image_id(1),
    "digests": [f"{REPOSITORY}@{digest(1)}", f"{REPOSITORY}@{digest(2)}", f"other@{digest(3)}"],
    "labels": {"org.opencontainers.image.revision": "0000001"},
}


def test_the_digest_is_the_one_that_the_pull_names() -> None:
    said = f"Pulling\nDigest: {digest(2)}\nStatus: Downloaded"

    assert fetched(said, IMAGE) == FetchedImage(
        image_id(1), digest(2), (digest(1), digest(2)), "0000001"
    )


def test_a_digest_that_the_image_list_does_not_confirm_is_not_believed() -> None:
    assert fetched(f"Digest: {digest(9)}", IMAGE).digest == ""
    assert fetched("", {**IMAGE, "digests": [f"{REPOSITORY}@{digest(1)}"]}).digest == digest(1)


@pytest.mark.parametrize("labels", [None, [], {}, "x"])
def test_an_image_without_a_revision_label_has_none(labels: Any) -> None:
    assert fetched("", {**IMAGE, "labels": labels}).revision == ""


@pytest.mark.parametrize(
    ("status", "timed_out"), [(1, False), (124, True), (137, True), (143, True)]
)
def test_a_pull_that_fails_leaves_dockers_last_words(status: int, timed_out: bool) -> None:
    words = "\n".join(f"line {n}" for n in range(9))

    assert read_fetch(printed(output("pull", words, status)), REPOSITORY) == FetchFailure(
        tuple(f"line {n}" for n in range(4, 9)), timed_out
    )


def test_an_image_that_is_gone_after_the_pull_is_a_failure() -> None:
    assert isinstance(fetched("", IMAGE, status=1), FetchFailure)


@pytest.mark.parametrize("answer", [b"", printed(output("pull", ""))])
def test_a_fetch_that_says_half_is_an_error_of_the_host(answer: bytes) -> None:
    with pytest.raises(HostError):
        read_fetch(answer, REPOSITORY)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"fact": st.sampled_from(["pull", "image"])},
            optional={"output": ENCODED | JSON, "status": st.just(0) | JSON},
        ),
        max_size=3,
    )
)
def test_arbitrary_answers_of_a_fetch_are_an_image_or_an_error(values: list[Any]) -> None:
    with_host_errors_only(lambda data: read_fetch(data, REPOSITORY), printed(*values))


@given(st.text() | st.none() | st.integers())
def test_what_is_not_base64_is_an_error_of_the_host(value: object) -> None:
    with_host_errors_only(decode, value)  # type: ignore[arg-type]


def test_a_release_is_known_by_its_number() -> None:
    assert release(1).tag == tag(1)


# ---------------------------------------------------------------- login and signature


def test_a_login_that_failed_is_told_from_a_pull_that_failed() -> None:
    answer = printed(output("login", "unauthorized", 1))

    assert read_fetch(answer, REPOSITORY) == FetchFailure(
        ("unauthorized",), timed_out=False, login_failed=True
    )


@pytest.mark.parametrize(("status", "known"), [(0, True), (1, False)])
def test_a_pull_that_failed_says_whether_the_host_is_logged_in(status: int, known: bool) -> None:
    answer = printed(output("pull", "denied", 1), output("own-login", "", status))

    failure = read_fetch(answer, REPOSITORY)

    assert isinstance(failure, FetchFailure)
    assert failure.host_has_login is known
    assert not failure.login_failed
