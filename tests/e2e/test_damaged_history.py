"""Questions to a host whose history is damaged: a right answer, or a clear refusal.

Three releases were deployed, oldest first; the third one runs. tests/unit/test_history_damage.py
has the rules; here is what a host and its file add.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE
from tests.e2e.steps import Standing, status
from tests.thorough import thorough
from tests.vps.catalogue import GOOD

DRY_ROLLBACK = ("rollback", SERVICE, "--dry-run", "--json")
Damage = Callable[[list[str]], str]


@dataclass(frozen=True)
class Recorded(Standing):
    """A host with a history of six lines: `started` and `succeeded` of three deploys."""

    lines: tuple[str, ...]

    def damaged(self, damage: Damage) -> None:
        """Write a damaged history."""
        text = damage([f"{line}\n" for line in self.lines])
        self.vps.write(host.HISTORY, text.encode("utf-8", "surrogateescape"))


@pytest.fixture
def recorded(standing: Standing) -> Recorded:
    lines = tuple(standing.vps.read(host.HISTORY).splitlines())
    assert len(lines) == 6
    return Recorded(standing.client, standing.vps, lines)


def with_line(number: int, text: str) -> Damage:
    """The history with another line in the place of one, counted from 1."""
    return lambda lines: "".join([*lines[: number - 1], text, *lines[number:]])


SECOND_SUCCEEDED, THIRD_STARTED, THIRD_SUCCEEDED = 4, 5, 6


def test_damage_in_front_of_the_target_and_behind_the_last_line_does_not_matter(
    recorded: Recorded,
) -> None:
    torn = '{"v":1,"seq":7,"at":"2026-'
    recorded.damaged(lambda lines: with_line(3, "\x00\udcff\udcfe{[\n")(lines) + torn)

    ended = recorded.client.run(*DRY_ROLLBACK)

    assert ended.exit_status == 0, ended.text
    assert ended.json["hosts"][0]["release"]["tag"] == GOOD[1].tag


def test_damage_behind_the_target_is_a_refusal_and_whoever_knows_better_names_the_tag(
    recorded: Recorded,
) -> None:
    recorded.damaged(with_line(SECOND_SUCCEEDED, "garbage\n"))

    refused = recorded.client.run(*DRY_ROLLBACK)
    row = status(recorded.client)
    named = recorded.client.run("rollback", SERVICE, GOOD[0].tag, "--dry-run", "--json")

    assert refused.exit_status == 3, refused.text
    assert refused.json["error"]["code"] == "history-damaged"
    assert row["rollback"] is None
    assert row["rollback_refusal"]
    assert row["notes"]
    assert named.exit_status == 0, named.text
    assert named.json["hosts"][0]["release"]["tag"] == GOOD[0].tag


@pytest.mark.parametrize("how", ["empty", thorough("missing")])
def test_without_a_recorded_success_there_is_no_target(recorded: Recorded, how: str) -> None:
    recorded.damaged(lambda _: "")
    if how == "missing":
        recorded.vps.run(f"rm {host.HISTORY}")

    ended = recorded.client.run(*DRY_ROLLBACK)

    assert ended.exit_status == 3, ended.text
    assert ended.json["error"]["code"] == "no-success"
    hint = ended.json["error"]["hint"]
    kept = re.search(rf"deployctl deploy {SERVICE} (sha-\S+)$", hint)
    assert kept, hint
    assert kept[1] in {release.tag for release in GOOD}
    # The command that is named would go on from here.
    planned = recorded.client.run("deploy", SERVICE, kept[1], "--dry-run")
    assert planned.exit_status == 0, planned.text
    row = status(recorded.client)
    assert (row["state"], row["recorded"], row["rollback"]) == ("untracked", None, None)
    assert recorded.client.run("history").exit_status == 0


@pytest.mark.parametrize("how", ["chmod 000", *map(thorough, ("chown root", "a directory"))])
def test_a_history_that_cannot_be_read_is_never_taken_for_an_empty_one(
    recorded: Recorded, how: str
) -> None:
    recorded.damaged("".join)
    recorded.vps.run(
        {
            "chmod 000": f"chmod 000 {host.HISTORY}",
            "chown root": f"chown root {host.HISTORY} && chmod 600 {host.HISTORY}",
            "a directory": f"rm {host.HISTORY} && mkdir -m 777 {host.HISTORY}",
        }[how]
    )

    try:
        rolled_back = recorded.client.run(*DRY_ROLLBACK)
        deployed = recorded.client.run("deploy", SERVICE, GOOD[3].tag)
        told = recorded.client.run("history", "--json")
        row = status(recorded.client, "--check")
    finally:
        recorded.vps.run(f"rm -rf {host.HISTORY}")

    assert rolled_back.exit_status == 4, rolled_back.text
    assert deployed.exit_status == 4, deployed.text
    assert told.exit_status == 4, told.text
    assert host.HISTORY in deployed.stderr
    assert "nothing on the host was changed" in deployed.stderr
    assert row["state"] == "unreadable"
    assert row["notes"]
    assert row["rollback"] is None


@pytest.mark.parametrize("event", ["started", thorough("interrupted")])
def test_an_old_release_that_runs_again_without_an_outcome_goes_back_to_what_ran_before_it(
    recorded: Recorded, event: str
) -> None:
    first, second, third = (json.loads(recorded.lines[number]) for number in (1, 3, 5))
    started = json.loads(recorded.lines[4])
    lines = [third, first, second, {**started, "run": "last"}]
    if event == "interrupted":
        lines.append({**lines[-1], "event": event})
    numbered = [{**line, "seq": number} for number, line in enumerate(lines, start=1)]
    recorded.damaged(lambda _: "".join(f"{json.dumps(line)}\n" for line in numbered))

    ended = recorded.client.run(*DRY_ROLLBACK)

    assert ended.exit_status == 0, ended.text
    assert ended.json["hosts"][0]["release"]["tag"] == GOOD[1].tag


def test_the_history_shows_what_can_be_read_and_says_what_cannot(recorded: Recorded) -> None:
    recorded.damaged(with_line(THIRD_STARTED, "garbage\n"))

    shown = recorded.client.run("history", "--json")
    plain = recorded.client.run("history")

    assert shown.exit_status == 0
    (on_host,) = shown.json["hosts"]
    assert [entry["seq"] for entry in on_host["entries"]] == [1, 2, 3, 4, 6]
    assert any("line 5" in problem for problem in on_host["problems"])
    assert "line 5" in plain.stdout


def test_an_outcome_that_was_never_written_is_told_as_an_interrupted_run(
    recorded: Recorded,
) -> None:
    recorded.damaged(with_line(THIRD_SUCCEEDED, ""))

    row = status(recorded.client)

    assert row["state"] == "interrupted"
    assert row["running"]["tag"] == GOOD[2].tag
    assert row["rollback"]["release"]["tag"] == GOOD[1].tag
