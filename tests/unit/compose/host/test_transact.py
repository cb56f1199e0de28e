"""The commands for a run, and the events that it prints."""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import re
import subprocess
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.compose.host import script
from deployctl.compose.host.transact import (
    RunEvents,
    abort_command,
    begin_command,
    begin_limit,
    follow_command,
    is_event,
    seen_containers_text,
    waiting_for,
)
from deployctl.compose.kept_images import Outdated
from deployctl.release import record
from deployctl.release.origin import Origin
from deployctl.release.release import Action
from deployctl.release.results import UnfinishedRun
from tests.unit.build import (
    FILES,
    SERVICE,
    container,
    digest,
    entry,
    image_id,
    plan,
    recorded,
    release,
    tag,
)
from tests.unit.compose.test_project import JSON

SCRIPTS = files("deployctl").joinpath("compose", "host")


def options(changes: dict[str, Any] | None = None) -> dict[str, str]:
    """The options of a transaction that begins."""
    words = begin_command(plan(**(changes or {}))).argv[6:]
    end = words.index("--")
    return dict(zip(words[:end:2], words[1:end:2], strict=True))


# ---------------------------------------------------------------- commands


def test_a_transaction_gets_everything_that_was_decided() -> None:
    decided = options({"outdated": Outdated((tag(3), tag(4)), (tag(3),))})

    assert decided["--directory"] == "/opt/infra"
    assert decided["--tag"] == tag(2)
    assert decided["--image-id"] == image_id(2)
    assert decided["--image"] == f"registry.example/web:{tag(2)}"
    assert decided["--kept-image"] == f"deployctl/infra/web:{tag(2)}"
    assert decided["--expect-files"] == FILES
    assert decided["--expect-containers"] == f"{container(1).id} {image_id(1)} up"
    assert decided["--restore-image-id"] == image_id(1)
    assert decided["--restore-tag"] == tag(1)
    assert decided["--ignore-hold"] == "no"
    assert (decided["--alone"], decided["--looked-at"]) == ("yes", "")
    assert decided["--env-file"] == ""
    assert decided["--health-timeout"] == "6000"
    assert (decided["--stable-checked"], decided["--stable-unchecked"]) == ("0", "500")
    assert decided["--kept-repository"] == "deployctl/infra/web"
    assert decided["--outdated-kept"] == f"{tag(3)} {tag(4)}"
    assert decided["--outdated-tags"] == tag(3)
    assert json.loads(decided["--holder"])["since"] == "2025-11-23T12:00:00Z"
    assert json.loads("{" + decided["--record"] + "}")["image_store"] == "overlay2"


def test_a_script_takes_every_option_that_is_sent_and_is_sent_every_option_it_takes() -> None:
    text = SCRIPTS.joinpath("transact.sh").read_text()
    taken = set(re.findall(r"^ +(--[a-z-]+)\)", text, re.MULTILINE))
    follow = follow_command("/state", "run", cancel=True).argv
    abort = abort_command(SERVICE, Origin("kim", "terminal")).argv
    by_itself = re.findall(r" change (--[a-z-]+)", script.script_text("transact.sh"))

    assert by_itself
    assert taken == {
        *options(),
        *by_itself,
        *(word for word in (*follow, *abort) if re.match("--[a-z]", word)),
    }


def test_a_first_deploy_has_nothing_to_restore() -> None:
    decided = options({"previous": None, "previous_image": ""})

    assert (decided["--restore-image-id"], decided["--restore-tag"]) == ("", "")
    assert json.loads("{" + decided["--record"] + "}")["previous"] is None


def test_a_rollback_ignores_a_hold() -> None:
    assert options({"action": Action.ROLLBACK})["--ignore-hold"] == "yes"


def test_a_stable_time_of_the_inventory_counts_with_and_without_a_health_check() -> None:
    decided = options({"service": dataclasses.replace(SERVICE, stable=1.5)})

    assert (decided["--stable-checked"], decided["--stable-unchecked"]) == ("150", "150")


def test_containers_are_listed_as_the_script_lists_them() -> None:
    up, down = container(2), container(1, status="exited")
    restarting = container(3, status="restarting")

    assert seen_containers_text([up, down, restarting]).splitlines() == [
        f"{down.id} {image_id(1)} down",
        f"{up.id} {image_id(2)} up",
        f"{restarting.id} {image_id(3)} up",
    ]
    assert seen_containers_text([]) == ""


def test_runs_found_interrupted_travel_one_a_line() -> None:
    found = recorded(entry(1, 1, "started", run="a"), entry(2, 2, "started", run="b")).entries
    lines = options({"found": found})["--found"].splitlines()

    assert [json.loads("{" + line + "}")["run"] for line in lines] == ["a", "b"]
    assert options()["--found"] == ""


def test_a_follow_says_whether_to_cancel_and_whether_to_stay() -> None:
    command = follow_command("/state", "run-1", cancel=True, watch=False)

    assert command.argv[5:] == (
        *("follow", "--state", "/state", "--run", "run-1"),
        *("--cancel", "yes", "--watch", "no", "--"),
    )


def test_no_argument_is_longer_than_linux_lets_it_be() -> None:
    for word in begin_command(plan()).argv:
        assert len(word.encode()) < 128 * 1024


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_whatever_a_value_contains_the_host_gets_it_literally(value: str) -> None:
    service = dataclasses.replace(SERVICE, directory=value)
    command = begin_command(plan(service=service))
    shown = dataclasses.replace(
        command, argv=("printf", "%s\\0", *command.argv[command.argv.index("begin") :])
    )
    said = subprocess.run(
        ["sh", "-c", shown.as_shell()], capture_output=True, check=True
    ).stdout.decode()

    assert said.split("\0")[:-1] == list(shown.argv[2:])


def test_the_whole_transaction_has_more_time_than_its_parts() -> None:
    patient = plan(wait=600.0)

    assert begin_limit(patient) > 600 + 2 * SERVICE.health_timeout


# ---------------------------------------------------------------- events


def said(event: str, what: str = "", text: bytes | str = b"", **more: Any) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    value = {"event": event, "what": what, "text": base64.b64encode(data).decode(), **more}
    return json.dumps(value).encode()


def told(*lines: bytes) -> RunEvents:
    return functools.reduce(RunEvents.with_line, lines, RunEvents())


def test_steps_are_told_and_a_step_means_that_the_change_was_begun() -> None:
    assert told(said("begun")).begun
    assert told(said("step", "health")) == RunEvents(begun=True, step="health")


def test_an_outcome_is_the_history_line_that_ended_the_run() -> None:
    line = json.dumps(entry(2, 2, previous=1))
    ended = told(said("begun"), said("outcome", "entry", line))

    found = ended.entry()
    assert ended.end == "outcome"
    assert found
    assert (found.event, found.release) == (record.SUCCEEDED, release(2))


@pytest.mark.parametrize("text", [b"", b"torn {", b"\xff", b"[]"])
def test_an_outcome_that_cannot_be_read_is_an_end_without_an_entry(text: bytes) -> None:
    ended = told(said("outcome", "entry", text))

    assert ended.end == "outcome"
    assert ended.entry() is None


@pytest.mark.parametrize("end", ["busy", "changed", "refused", "cancelled", "unknown-run"])
def test_the_other_ends_are_told_with_what_they_say(end: str) -> None:
    assert told(said(end, "hold", "evidence")) == RunEvents(end=end, what="hold", text=b"evidence")


def test_a_busy_host_names_its_holder() -> None:
    assert told(said("busy", "holder", '{"run":"r","by":"sam"}')).holder().by == "sam"


def test_the_end_of_the_lock_does_not_hide_an_outcome() -> None:
    outcome, ended = said("outcome", "entry", "1"), said("ended", "entry", "2")

    assert told(outcome, ended).text == b"1"
    assert told(ended, outcome).text == b"1"


def test_logs_are_lines_of_text_whatever_their_bytes() -> None:
    run = told(said("container-log", "exited", b"one\ntw\xffo\n"), said("run-log"))

    assert run.shown == {"container-log": ("one", "tw�o"), "run-log": ()}


def test_a_failed_restore_an_outcome_not_recorded_and_an_unchecked_success_are_told() -> None:
    assert told(b'{"event":"restore-failed","reason":"up-failed"}').restore_reason == "up-failed"
    assert not told(b'{"event":"not-recorded"}').recorded
    assert told(said("well", "unchecked")).unchecked
    assert not told(said("well", "checked")).unchecked


def test_a_question_whether_the_client_still_waits_names_the_holder() -> None:
    question = said("waiting", "holder", '{"run":"r","by":"sam"}')
    holder = waiting_for(question)

    assert isinstance(holder, UnfinishedRun)
    assert holder.by == "sam"
    stranger = waiting_for(said("waiting", "stranger", "7 mallory flock -x lock"))
    assert stranger
    assert stranger.text == "process 7 of mallory: 'flock -x lock'"
    assert told(question).waited
    assert waiting_for(said("busy")) is None
    assert waiting_for(b'{"event":"waiting","text":"?"}') is not None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Welcome to vps!",
        b"[]",
        b"{}",
        b'{"event":7}',
        b'{"event":["step"]}',
        b'{"event":"gossip"}',
        b'{"event":"outcome","text":"not base64"}',
        b'{"event":"outcome","text":7}',
        b'{"event":"run-log","text":"?"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_event_is_passed_over(line: bytes) -> None:
    assert told(line) == RunEvents()


def test_a_line_of_something_else_is_no_event() -> None:
    assert is_event(said("begun"))
    assert not is_event(b"Welcome to vps!")
    assert not is_event(b"[]")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_passed_over(line: bytes) -> None:
    assert told(line) == RunEvents()
    assert waiting_for(line) is None


KINDS = [
    *("begun", "step", "waiting", "outcome", "ended", "busy", "changed", "refused", "well"),
    *("cancelled", "container-log", "run-log", "restore-failed", "not-recorded"),
]


@given(
    st.lists(
        st.fixed_dictionaries(
            {"event": st.sampled_from(KINDS) | JSON},
            optional={"what": JSON, "text": JSON, "reason": JSON},
        ),
        max_size=5,
    )
)
def test_arbitrary_events_are_run_events(events: list[dict[str, Any]]) -> None:
    run = told(*(json.dumps(event).encode() for event in events))

    run.entry()
    run.holder()
    for event in events:
        waiting_for(json.dumps(event).encode())


def test_a_digest_is_recorded_with_the_release() -> None:
    assert json.loads("{" + options()["--record"] + "}")["digest"] == digest(2)


def test_only_the_time_that_the_new_release_had_is_told_and_not_that_of_the_old_one() -> None:
    def limit(*events: dict[str, object]) -> float | None:
        return told(*(json.dumps(event).encode() for event in events)).limit

    too_late: dict[str, object] = {"event": "gave-up", "seconds": 60.0}
    restore: dict[str, object] = {"event": "step", "what": "restore"}

    assert limit({"event": "step", "what": "health"}, too_late) == 60.0
    assert limit(restore, too_late) is None
    assert limit(too_late, restore, {"event": "gave-up", "seconds": 9.0}) == 60.0
