"""Every gate has a verdict, whichever of them refuses and whether anything is changed or not."""

from __future__ import annotations

from typing import Any

import pytest

from deployctl.release.checklist import DEPLOY
from tests.e2e.client import SERVICE, Client, Ended
from tests.e2e.steps import Standing, image_id, snapshot
from tests.vps.catalogue import GOOD, WRONG_LABEL

OTHER_DIGEST = "sha256:" + 64 * "0"


def verdicts(ended: Ended) -> list[Any]:
    """What a JSON document says of the gates, whose names and order are always the same."""
    (on_host,) = ended.json["hosts"]
    listed: list[Any] = on_host["verdicts"]
    assert tuple(verdict["gate"] for verdict in listed) == DEPLOY
    assert all(verdict["evidence"] for verdict in listed)
    return listed


def refusing(listed: list[Any]) -> list[str]:
    return [verdict["gate"] for verdict in listed if verdict["ran"] and not verdict["passed"]]


def unasked(listed: list[Any]) -> list[str]:
    return [verdict["gate"] for verdict in listed if not verdict["ran"]]


def test_a_dry_run_lists_every_gate(standing: Standing) -> None:
    before = snapshot(standing.vps)
    arguments = ("deploy", SERVICE, GOOD[3].tag, "--dry-run")

    listed = verdicts(standing.client.run(*arguments, "--json"))

    assert refusing(listed) == []
    assert unasked(listed) == ["digest", "tag-stays", "revision", "signature"]
    plain = standing.client.run(*arguments).stdout.splitlines()
    for verdict in listed:
        mark = "✓" if verdict["passed"] else "-"
        line = next(line for line in plain if line.split()[:2] == [mark, verdict["gate"]])
        assert line.endswith(verdict["evidence"])
    assert snapshot(standing.vps) == before


@pytest.mark.parametrize(
    ("tag", "options", "gate", "after"),
    [
        (GOOD[3].tag, ("--expect-current", GOOD[1].tag), "expect-current", "order"),
        (GOOD[3].tag, ("--digest", OTHER_DIGEST), "digest", "tag-stays"),
        (WRONG_LABEL.tag, (), "revision", "signature"),
    ],
    ids=["before the fetch", "other content", "other commit"],
)
def test_a_refusal_lists_what_passed_before_it_and_what_was_not_reached(
    standing: Standing, tag: str, options: tuple[str, ...], gate: str, after: str
) -> None:
    running = standing.vps.run("docker ps --no-trunc").stdout.split()[:1]

    listed = verdicts(standing.client.run("deploy", SERVICE, tag, *options, "--json"))

    assert refusing(listed) == [gate]
    assert after in unasked(listed)
    assert {verdict["gate"] for verdict in listed if verdict["passed"]} >= {"tag", "hold", "busy"}
    assert standing.vps.run("docker ps --no-trunc").stdout.split()[:1] == running
    assert standing.vps.served() == GOOD[2].tag


def test_a_dry_run_that_is_refused_shows_people_the_list_too(standing: Standing) -> None:
    ended = standing.client.run(
        "deploy", SERVICE, GOOD[3].tag, "--expect-current", GOOD[1].tag, "--dry-run"
    )

    assert ended.exit_status == 3
    lines = [line.split()[:2] for line in ended.stdout.splitlines()]
    assert ["✗", "expect-current"] in lines
    assert ["✓", "tag"] in lines
    assert ["-", "order"] in lines


def test_a_refusal_that_needs_no_host_has_the_list_as_well(client: Client) -> None:
    inventory = (
        '[hosts.vps]\naddress = { env = "NOT_SET" }\n'
        f'[services.{SERVICE}]\nmodel = "compose"\nhosts = ["vps"]\n'
        'directory = "/opt/infra"\ncompose_files = ["compose.yml"]\n'
    )
    client.inventory.write_text(inventory)

    ended = client.run("deploy", SERVICE, "latest", "--json")

    assert ended.exit_status == 3, ended.text
    listed = ended.json["verdicts"]
    assert [verdict["gate"] for verdict in listed] == list(DEPLOY)
    assert refusing(listed) == ["tag"]
    assert len(unasked(listed)) == len(DEPLOY) - 1


def test_a_deploy_that_went_well_says_what_every_gate_found(standing: Standing) -> None:
    listed = verdicts(standing.client.run("deploy", SERVICE, GOOD[2].tag, "--json"))

    assert refusing(listed) == []
    assert "tag-stays" in unasked(listed)  # it runs already: the registry is not asked
    assert image_id(standing.vps, GOOD[2].image)
