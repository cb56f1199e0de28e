"""What programs get: one document that the schema describes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import deployctl
from deployctl.errors import BusyError, DeployctlError, GateResult
from deployctl.lint.findings import Finding, Place, Report
from deployctl.release.abort import AbortOutcome, AbortResult
from deployctl.release.check import CheckFinding, CheckResult, Severity
from deployctl.release.hold import Hold, HoldOutcome, HoldResult
from deployctl.release.release import Release
from deployctl.release.results import (
    HistoryResult,
    HostOutcome,
    RolloutResult,
    RunOutcome,
    StatusResult,
)
from deployctl.render import json as render
from tests.unit.render.samples import (
    BACK,
    NEW,
    OLD,
    RESTORED,
    UNREACHABLE,
    aborts,
    checks,
    entry,
    errors,
    histories,
    holds,
    hostile,
    in_sync,
    of_runs,
    recorded_run,
    rollouts,
    run,
    statuses,
)

PACKAGE = Path(deployctl.__file__).parent
SCHEMA: dict[str, Any] = json.loads((PACKAGE / "output.schema.json").read_text(encoding="utf-8"))
DOCUMENTATION = PACKAGE.parent / "docs" / "json.md"
FINDING = Finding(Place("ci.yml", 7, 3), "tag-mutable", "it gets latest", "pass the output")
EXIT_STATUSES = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130])


def refuse_constant(name: str) -> None:
    raise ValueError(name)


def document_of(text: str) -> dict[str, Any]:
    """Read the one document of an output and check all that is promised of every one."""
    assert text.endswith("\n")
    line = text[:-1]
    assert line.isascii()
    assert line.isprintable()
    assert "##[" not in line
    document: dict[str, Any] = json.loads(line, parse_constant=refuse_constant)
    json.dumps(document, ensure_ascii=False).encode()  # no lone surrogates
    problems = [f"{p.json_path}: {p.message}" for p in validator().iter_errors(document)]
    assert problems == []
    assert document["ok"] is (document["exit_status"] == 0)
    return document


def validator() -> Draft202012Validator:
    return Draft202012Validator(SCHEMA)


# ---------------------------------------------------------------- hostile text


@given(rollouts, EXIT_STATUSES)
def test_a_rollout_is_always_valid(result: RolloutResult, exit_status: int) -> None:
    document_of(render.rollout(result, exit_status))


@given(st.lists(statuses, max_size=3), EXIT_STATUSES)
def test_a_status_is_always_valid(rows: list[StatusResult], exit_status: int) -> None:
    document_of(render.status(rows, exit_status))


@given(st.lists(histories, max_size=3), EXIT_STATUSES)
def test_a_history_is_always_valid(results: list[HistoryResult], exit_status: int) -> None:
    document_of(render.history(results, exit_status))


@given(errors, hostile)
def test_a_failure_is_always_valid(err: DeployctlError, command: str) -> None:
    document_of(render.error(err, command))


@given(st.lists(checks, max_size=3), st.sampled_from([0, 3, 4, 5]))
def test_a_check_is_always_valid(results: list[CheckResult], exit_status: int) -> None:
    document_of(render.check(results, exit_status))


@given(st.lists(holds, max_size=3), st.sampled_from(["hold", "unhold"]))
def test_a_hold_is_always_valid(results: list[HoldResult], command: str) -> None:
    document_of(render.holds(results, command, 5))


@given(st.lists(aborts, max_size=3))
def test_an_abort_is_always_valid(results: list[AbortResult]) -> None:
    document_of(render.aborts(results, 3))


def test_text_from_a_host_arrives_as_it_was() -> None:
    text = "\x1b[31m##[error]::x\x7f [red] é 🎉 \x00\n"
    document = document_of(render.status([in_sync(notes=(text,))], 0))
    assert document["services"][0]["notes"] == [text]


@pytest.mark.parametrize("piece", ["\x1b[0m", "漢", "\ud800", "##[", "\x7f"])
def test_megabytes_are_passed_on(piece: str) -> None:
    text = piece * 1_000_000
    (row,) = document_of(render.status([in_sync(notes=(text,))], 0))["services"]
    assert len(row["notes"][0]) == len(text)


def test_lone_surrogates_are_replaced() -> None:
    document = document_of(render.status([in_sync(hold="a\ud800b")], 0))
    assert document["services"][0]["hold"] == "a\ufffdb"


# ---------------------------------------------------------------- documents


def test_a_deploy_document_has_a_host_for_each_outcome() -> None:
    result = of_runs(run(target=BACK), HostOutcome("vps2", error=RESTORED), not_attempted=("vps3",))
    document = document_of(render.rollout(result, 6))
    assert {key: document[key] for key in ("schema", "command", "ok", "exit_status")} == {
        "schema": "deployctl/1",
        "command": "deploy",
        "ok": False,
        "exit_status": 6,
    }
    done, failed = document["hosts"]
    assert done["release"]["tag"] == NEW.tag
    assert done["previous"]["digest"] == OLD.digest
    assert done["target"]["by"] == "kim"
    assert (failed["ok"], failed["outcome"], failed["release"]) == (False, "failed", None)
    assert document["not_attempted"] == ["vps3"]
    assert (
        document["error"]
        == failed["error"]
        == {
            "code": "restored",
            "message": RESTORED.message,
            "state": "sha-0f9e8d7 is back and healthy",
            "hint": "deployctl status enforcer-backend",
            "details": ["starting", "panic: DATABASE_URL is not set"],
            "exit_status": 6,
        }
    )


def test_a_rollback_without_a_tag_has_none() -> None:
    result = RolloutResult(run().action, "enforcer-backend", "", (), (), float("nan"))
    document = document_of(render.rollout(result, 0))
    assert document["tag"] is None
    assert document["seconds"] is None


def test_a_status_document_has_what_is_known_and_null_for_the_rest() -> None:
    document = document_of(render.status([in_sync(), UNREACHABLE], 4))
    well, gone = document["services"]
    assert well["running"] == {"tag": NEW.tag, "image_id": NEW.image_id, "digest": NEW.digest}
    assert well["rollback"]["image_present"] is True
    assert well["containers"][0]["image"] == "registry.example.com/enforcer:sha-1a2b3c4"
    assert (well["hold"], well["error"]) == (None, None)
    assert gone["state"] == "unreachable"
    assert gone["error"]["exit_status"] == 4
    assert (gone["running"], gone["since"], gone["containers"]) == (None, None, [])
    assert document["error"] is None


def test_a_digest_that_is_not_known_is_null() -> None:
    document = document_of(render.status([in_sync(running=Release("x", "y"))], 0))
    assert document["services"][0]["running"]["digest"] is None


def test_a_history_document_is_oldest_first_and_has_only_known_fields() -> None:
    strange = entry(2, "succeeded", seq=True, seconds="long", previous=[], extra="x", by=7)
    result = HistoryResult("vps", (entry(1, "started"), strange), ("line 3: not JSON",))
    (host,) = document_of(render.history([result], 0))["hosts"]
    assert host["problems"] == ["line 3: not JSON"]
    first, second = host["entries"]
    assert first["seq"] == 1
    assert first["previous"]["tag"] == OLD.tag
    assert [second[key] for key in ("seq", "seconds", "previous", "by")] == [None] * 4
    assert "extra" not in second


def test_a_history_document_has_its_runs_and_null_for_what_is_not_known() -> None:
    going_on = recorded_run(
        outcome=RunOutcome.IN_PROGRESS, previous=None, ended_at="", seconds=None
    )
    result = HistoryResult("vps", runs=(going_on, recorded_run()))
    (host,) = document_of(render.history([result], 0))["hosts"]
    first, second = host["runs"]
    assert [first[key] for key in ("previous", "ended_at", "seconds", "reason")] == [None] * 4
    assert (first["outcome"], second["outcome"]) == ("in progress", "succeeded")
    assert second["release"]["tag"] == NEW.tag


def test_the_error_of_a_hold_document_is_that_of_the_first_host_that_failed() -> None:
    failed = HoldResult("vps", "web", HoldOutcome.FAILED, error=BusyError("already-held", "no"))
    held = HoldResult("vps2", "web", HoldOutcome.SET)

    assert document_of(render.holds([held, failed], "hold", 5))["error"]["code"] == "already-held"


def test_a_failure_document_has_the_error_and_its_exit_status() -> None:
    document = document_of(render.error(RESTORED, "deploy"))
    assert sorted(document) == ["command", "error", "exit_status", "ok", "schema"]
    assert (document["ok"], document["exit_status"]) == (False, 6)


# ---------------------------------------------------------------- schema and documentation


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


LOW = CheckFinding("disk", "disk-low", Severity.WARNING, "only 3 MiB", "make room")
HELD = Hold("kim", "2025-11-23T10:00:00Z", "audit")


def test_the_schema_names_every_field_that_is_written() -> None:
    passed = run(target=BACK, gate_results=(GateResult("tag", True, "is a commit tag"),))
    documents = [
        render.rollout(of_runs(passed, HostOutcome("vps2", error=RESTORED)), 6),
        render.status([in_sync(), UNREACHABLE], 4),
        render.history([HistoryResult("vps", (entry(1, "started"),), runs=(recorded_run(),))], 0),
        render.lint(Report((FINDING,), ("ci.yml",), 1), 3),
        render.check([CheckResult("vps", "web", (LOW,))], 0),
        render.holds([HoldResult("vps", "web", HoldOutcome.REPLACED, HELD, HELD)], "hold", 0),
        render.aborts([AbortResult("vps", "web", AbortOutcome.ABORTED)], 0),
        render.error(RESTORED, "check"),
    ]
    written = set().union(*(_keys(json.loads(text)) for text in documents))
    described = set().union(*(set(part) for part in _properties(SCHEMA)))
    assert written == described


@pytest.mark.parametrize(
    "change", [{"schema": "deployctl/2"}, {"ok": 1}, {"exit_status": 10}, {"services": None}]
)
def test_the_schema_refuses_other_documents(change: dict[str, Any]) -> None:
    document = json.loads(render.status([in_sync()], 0))
    assert not validator().is_valid({**document, **change})


def test_every_example_in_the_documentation_is_valid() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 5
    for example in examples:
        validator().validate(json.loads(example))


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(_keys(item) for item in value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


def _properties(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [found for item in value for found in _properties(item)]
    if not isinstance(value, dict):
        return []
    own = value.get("properties")
    here = [own] if isinstance(own, dict) else []
    return here + [found for item in value.values() for found in _properties(item)]
