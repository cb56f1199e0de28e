"""Single lies, each with what must come of it; and that the checker would notice if it did not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from deployctl.release import suggest
from deployctl.render.github import step_outputs
from tests.forged.checker import problems
from tests.forged.conftest import WAYS, Show
from tests.forged.lies import Liar
from tests.forged.scenes import RUN
from tests.forged.values import MARK, TEXTS
from tests.unit.build import digest, image_id, tag
from tests.workflow_runner import commands, file_values

Lying = Callable[[str], Liar]


@pytest.mark.parametrize(
    "lie",
    [
        {"tag": "sha-bad0bad"},
        {"service": "db"},
        {"action": "rollback"},
        {"image_id": image_id(66)},
        {"digest": digest(66)},
        {"previous": {"tag": "sha-bad0bad", "image_id": image_id(66), "digest": ""}},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_the_outcome_of_another_run_is_no_success(
    lie: dict[str, Any], liar: Lying, shown: Show
) -> None:
    seen = shown(_ended_otherwise(liar("deploy"), **lie), "github json")

    document = json.loads(seen.stdout)
    assert seen.exit_status == 7
    assert document["error"]["code"] == "outcome-mismatch"
    outputs = file_values(seen.outputs or "")
    assert (outputs["tag"], outputs["outcome"]) == (tag(3), "broken")
    assert outputs["digest"] == digest(3)
    assert suggest.has_form_of_run(outputs["run"])
    assert outputs["previous-tag"] == ""


def _ended_otherwise(liar: Liar, **fields: Any) -> Liar:
    """Change the outcome itself and nothing inside of it."""
    (place,) = (p for p in liar.places() if p.path[1:] == ("outcome", "text", 0, "tag"))
    for name, value in fields.items():
        where = (*place.path[:-1], name)
        liar.says_at(type(place)(place.answer, where), value)
    return liar


@pytest.mark.parametrize("text", ["shell code", "a second line", "almost a run", "quotes"])
def test_a_run_that_is_no_run_is_in_no_command(text: str, liar: Lying, shown: Show) -> None:
    for scene in ("status, busy", "status, interrupted", "deploy, busy", "history, busy"):
        honest = shown(liar(scene), "terminal").stdout + shown(liar(scene), "terminal").stderr
        lied = liar(scene).says("holder", run=TEXTS[text]).says("history", run=TEXTS[text])

        seen = shown(lied, "terminal")

        assert f"deployctl follow vps {RUN}" in honest
        assert "deployctl follow" not in seen.stdout + seen.stderr


def test_half_a_character_in_any_field_is_garbled(liar: Lying, shown: Show) -> None:
    seen = shown(liar("deploy").says("containers", id="\ud800"), "json")

    assert seen.exit_status == 4
    assert json.loads(seen.stdout)["error"]["code"] == "host-garbled"


@pytest.mark.parametrize("at", ["0001-01-02T00:00:00Z", "9999-12-31T23:59:59-23:59"])
def test_a_date_that_cannot_be_is_unknown(at: str, liar: Lying, shown: Show) -> None:
    for way in ("text", "terminal"):
        seen = shown(liar("history").says("history", at=at), way)

        assert seen.exit_status == 0
        assert "unknown" in seen.stdout
        assert "0001-" not in seen.stdout
        assert "1-01-02" not in seen.stdout


def test_a_log_masks_what_it_says_and_nothing_of_the_run(liar: Lying, shown: Show) -> None:
    github_commit = "3c4d5e6f70819203a4b5c6d7e8f9012345678901"
    own = [tag(3), digest(3), tag(2), digest(2), "registry.example", "owner/backend"]
    log = "".join(f"postgres://u:{word}@db\n" for word in (*own, github_commit, "hunter2hunter2"))
    text = base64.b64encode(log.encode()).decode()
    lied = liar("deploy, put back")
    place = next(p for p in lied.places() if p.path[1:] == ("container-log", "text"))

    seen = shown(lied.says_at(place, text), "github")

    masked = [command.data for command in commands(seen.stderr) if command.name == "add-mask"]
    assert masked == ["hunter2hunter2"]
    assert file_values(seen.outputs or "")["tag"] == tag(3)


# ---------------------------------------------------------------- the checker


def test_the_checker_finds_what_is_wrong(shown: Show, liar: Lying) -> None:
    seen = shown(liar("deploy, put back"), "github")
    document = shown(liar("status"), "json")

    assert problems(seen) == []
    wrong = {
        "exit status": replace(seen, exit_status=1),
        "control characters": replace(seen, stdout="\x1b[2J"),
        "workflow commands": replace(seen, stderr="::set-output name=tag::x\n"),
        "masks": replace(seen, stderr=f"::add-mask::{tag(3)}\n"),
        "commands to copy": replace(seen, stderr=f"next: look:\n      deployctl {MARK}\n"),
        "step outputs": replace(seen, outputs="tag=latest\n"),
        "JSON": replace(document, stdout='{"ok":NaN}\n'),
        "summary": replace(seen, summary="[x](https://x)\n"),
    }
    for name, shown_wrong in wrong.items():
        assert any(told.startswith(f"{name}: ") for told in problems(shown_wrong)), name


@pytest.mark.parametrize(
    ("scene", "fact", "field", "broken", "finds"),
    [
        ("status, busy", "holder", "run", (suggest, "has_form_of_run"), "commands to copy"),
        ("rollback, damaged", "history", "tag", (suggest, "is_tag"), "commands to copy"),
        ("status", "containers", "reference", (step_outputs, "_tag"), "step outputs"),
        ("status", "history", "digest", (step_outputs, "_digest"), "step outputs"),
    ],
)
def test_a_program_that_believes_the_host_is_found_out(
    scene: str,
    fact: str,
    field: str,
    broken: tuple[Any, str],
    finds: str,
    liar: Lying,
    shown: Show,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A copy of the program that lacks one of its guards: the matrix would fail."""
    module, guard = broken
    lie = f"registry.example/web:{MARK}" if field == "reference" else MARK
    assert not any(problems(shown(liar(scene).says(fact, **{field: lie}), way)) for way in WAYS)

    monkeypatch.setattr(module, guard, lambda text: text or True)
    found = [
        p for way in WAYS for p in problems(shown(liar(scene).says(fact, **{field: lie}), way))
    ]

    assert any(problem.startswith(finds) for problem in found), found
