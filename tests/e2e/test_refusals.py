"""Commands that are refused, and leave all that runs as it was."""

from __future__ import annotations

import pytest

from deployctl.errors import UNTOUCHED
from tests.e2e.client import SERVICE, Client
from tests.e2e.steps import WORKFLOW, Standing, image_id, refuse
from tests.thorough import thorough
from tests.vps.catalogue import ATTESTED, GOOD, NO_SUCH_TAG, WRONG_LABEL

OTHER_DIGEST = "sha256:" + 64 * "0"


@pytest.mark.parametrize(
    ("tag", "options", "code"),
    [
        pytest.param(WRONG_LABEL.tag, (), "revision-mismatch", id="made from another commit"),
        pytest.param(NO_SUCH_TAG, (), "tag-missing", id="not in the registry"),
        pytest.param(GOOD[3].tag, ("--digest", OTHER_DIGEST), "digest-mismatch", id="other digest"),
        thorough(ATTESTED.tag, ("--digest", OTHER_DIGEST), "digest-mismatch", name="other index"),
        pytest.param(
            GOOD[2].tag, ("--digest", OTHER_DIGEST), "digest-mismatch", id="runs with another"
        ),
        pytest.param(
            GOOD[3].tag, ("--expect-current", GOOD[1].tag), "current-unexpected", id="not current"
        ),
        pytest.param("latest", (), "tag-refused", id="a name that moves"),
    ],
)
def test_a_deploy_that_a_gate_refuses(
    standing: Standing, tag: str, options: tuple[str, ...], code: str
) -> None:
    ended = refuse(standing.client, standing.vps, 3, "deploy", SERVICE, tag, *options, "--json")

    assert ended.json["error"]["code"] == code
    assert standing.vps.served() == GOOD[2].tag


def test_a_deploy_without_a_registry(standing: Standing) -> None:
    standing.vps.registry_stop()
    try:
        ended = refuse(standing.client, standing.vps, 3, "deploy", SERVICE, GOOD[3].tag, "--json")
    finally:
        standing.vps.registry_start()

    assert ended.json["error"]["code"] == "registry-down"
    assert ended.json["error"]["state"] == UNTOUCHED
    assert image_id(standing.vps, f"localhost:5000/{SERVICE}:{NO_SUCH_TAG}") == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"GITHUB_REF": "refs/heads/topic"},
        thorough({"GITHUB_REF": "refs/tags/main"}),
        thorough({"GITHUB_EVENT_NAME": "pull_request_target"}),
        thorough({"GITHUB_EVENT_NAME": "workflow_run"}),
    ],
    ids=["topic branch", "tag called main", "pull request target", "workflow run"],
)
def test_a_deploy_of_a_workflow_that_does_not_run_for_the_main_branch(
    standing: Standing, wrong: dict[str, str]
) -> None:
    workflow = Client(standing.client.directory, WORKFLOW | wrong)

    ended = refuse(workflow, standing.vps, 3, "deploy", SERVICE, GOOD[3].tag, "--json")

    assert ended.json["error"]["code"] == "source-refused"


@pytest.mark.parametrize(
    ("tag", "code"),
    [(GOOD[3].tag, "never-succeeded"), ("latest", "tag-refused")],
    ids=["that never succeeded", "that moves"],
)
def test_a_rollback_to_a_tag(standing: Standing, tag: str, code: str) -> None:
    ended = refuse(standing.client, standing.vps, 3, "rollback", SERVICE, tag, "--json")

    assert ended.json["error"]["code"] == code
