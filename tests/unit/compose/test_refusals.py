"""Every refusal of a gate stands in its gate's place in the list, wherever it is raised."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Callable

import pytest

from deployctl import gitops
from deployctl.compose import ending, gates, preconditions
from deployctl.compose.container import Dependency
from deployctl.compose.ending import Asked
from deployctl.compose.facts import FetchedImage
from deployctl.compose.host.transact import RunEvents
from deployctl.compose.lock import Stranger
from deployctl.compose.project import TAG_PLACEHOLDER, Configuration, ConfiguredService
from deployctl.errors import DeployctlError
from deployctl.inventory import Gates, GitopsService, Registry, Signature
from deployctl.release import gates as agreed
from deployctl.release.checklist import DEPLOY, Gate
from deployctl.release.hold import Hold
from deployctl.release.origin import Origin, WorkflowRun
from deployctl.release.results import UnfinishedRun
from deployctl.workflow_events import WorkflowEvent
from tests.unit.build import (
    HOST,
    SERVICE,
    WEB,
    configuration,
    container,
    digest,
    entry,
    facts,
    image_id,
    recorded,
    release,
    tag,
)

STATE = "/opt/infra/.deployctl"
FETCHED = FetchedImage(image_id(1), digest(1), (digest(1),), "")
WITHOUT_COSIGN = dataclasses.replace(FETCHED, cosign=False)
KEEPING = dataclasses.replace(SERVICE, persist=True)
STOPPED = Dependency("db", "", (container(7, status="exited"),))
NOT_CHECKED = facts(env_file_problems=("owner deploy /opt/infra/compose/.env",))
WORKFLOW = "o/r/.github/workflows/deploy.yml"
NEWER = recorded(entry(1, 1, workflow=WORKFLOW, run_number=2, run_attempt=1, commit=""))
OLDER = Origin("kim", "github-actions", workflow_run=WorkflowRun(WORKFLOW, 1, 1))
WORKER = ConfiguredService(f"worker:{TAG_PLACEHOLDER}", False, 1, {})
SHARED = Configuration("infra", {**configuration().services, "worker": WORKER}, "")


def image_refused(registry: Registry | None = None, **web: object) -> None:
    gates.image_follows_tag(WEB, configuration(**web), "IMAGE_TAG", registry)


def run_refused(what: str, end: str = "refused") -> None:
    ending.success_entry(RunEvents(end=end, what=what), Asked("vps", "run", (SERVICE,)))


def raised_by_gitops() -> None:
    raise gitops.refusal(GitopsService(WEB))


# The same code twice: once of the gate, and once where a run on the host has the last word.
REFUSALS: list[tuple[str, Gate, Callable[[], object]]] = [
    ("tag-refused", Gate.TAG, lambda: agreed.tag_is_immutable("latest", Gates())),
    (
        "source-refused",
        Gate.SOURCE,
        lambda: agreed.source_may_change(WorkflowEvent("pull_request", ""), Gates()),
    ),
    ("model-refused", Gate.MODEL, raised_by_gitops),
    (
        "busy",
        Gate.BUSY,
        lambda: gates.not_busy(facts(holder=UnfinishedRun()), "vps", SERVICE, wait=0),
    ),
    ("busy", Gate.BUSY, lambda: run_refused("holder", "busy")),
    (
        "lock-taken",
        Gate.BUSY,
        lambda: gates.not_busy(facts(stranger=Stranger()), "vps", SERVICE, wait=0),
    ),
    ("lock-taken", Gate.BUSY, lambda: run_refused("stranger", "busy")),
    ("hold", Gate.HOLD, lambda: gates.no_hold(facts(hold=Hold("kim", "now", "audit")))),
    ("hold", Gate.HOLD, lambda: run_refused("hold", "changed")),
    (
        "current-unexpected",
        Gate.EXPECT_CURRENT,
        lambda: agreed.current_is_expected(tag(1), release(2)),
    ),
    ("run-older", Gate.ORDER, lambda: agreed.run_is_not_older(OLDER, NEWER, WEB)),
    (
        "digest-mismatch",
        Gate.DIGEST,
        lambda: gates.digest_is_expected(tag(1), digest(2), FETCHED),
    ),
    (
        "digest-mismatch",
        Gate.DIGEST,
        lambda: gates.running_digest_is_expected(tag(1), digest(2), [digest(1)]),
    ),
    (
        "tag-moved",
        Gate.TAG_STAYS,
        lambda: gates.tag_stays(tag(2), FETCHED, recorded(entry(1, 2)).entries[0]),
    ),
    (
        "revision-missing",
        Gate.REVISION,
        lambda: gates.revision_matches(tag(1), FETCHED, required=True),
    ),
    (
        "revision-mismatch",
        Gate.REVISION,
        lambda: gates.revision_matches(tag(1), dataclasses.replace(FETCHED, revision="ab")),
    ),
    (
        "cosign-missing",
        Gate.SIGNATURE,
        lambda: gates.signature_verifies(WITHOUT_COSIGN, Signature("key")),
    ),
    (
        "signature-refused",
        Gate.SIGNATURE,
        lambda: gates.signature_verifies(FETCHED, Signature("key")),
    ),
    (
        "service-unknown",
        Gate.IMAGE,
        lambda: gates.image_follows_tag("other", configuration(), "IMAGE_TAG"),
    ),
    ("build-section", Gate.IMAGE, lambda: image_refused(builds=True)),
    ("tag-not-used", Gate.IMAGE, lambda: image_refused(image="web:1")),
    (
        "registry-mismatch",
        Gate.IMAGE,
        lambda: image_refused(Registry("other.example", "bot", "word")),
    ),
    ("tag-shared", Gate.PERSIST, lambda: gates.tag_is_not_shared(KEEPING, SHARED)),
    (
        "env-file-foreign",
        Gate.PERSIST,
        lambda: preconditions.require_ready(NOT_CHECKED, KEEPING, HOST),
    ),
    ("env-file-foreign", Gate.PERSIST, lambda: run_refused(".env")),
    (
        "dependency-unhealthy",
        Gate.DEPENDENCIES,
        lambda: gates.dependencies_are_well([STOPPED]),
    ),
]


@pytest.mark.parametrize(("code", "gate", "ask"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_a_refusal_carries_its_gate(code: str, gate: Gate, ask: Callable[[], object]) -> None:
    with pytest.raises(DeployctlError) as refused:
        ask()

    assert (refused.value.code, refused.value.gate) == (code, gate)


def test_every_refusal_of_a_gate_has_its_place() -> None:
    codes = {
        node.args[0].value
        for module in (agreed, gates)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"RefusedError", "BusyError"}
        and isinstance(node.args[0], ast.Constant)
    }

    assert codes <= {code for code, _, _ in REFUSALS}
    assert {gate for _, gate, _ in REFUSALS} == set(DEPLOY)
