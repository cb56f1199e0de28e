"""Whatever lies among the workflows: one clear error or an answer, soon, and no traceback."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deployctl.errors import UsageError
from deployctl.lint import lint
from deployctl.lint.workflow.document import DocumentError
from deployctl.lint.workflow.reader import read
from tests.lint.build import repository

WORKFLOW = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: true\n"
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
DEEP = "{a: " * 400 + "x" + "}" * 400

BROKEN = {
    "nothing": (b"", 1, "empty"),
    "only a comment": (b"# no\n", 1, "empty"),
    "no UTF-8": (b"on: push\nname: \xff\n", 2, "UTF-8"),
    "UTF-16": ("on: push".encode("utf-16"), 1, "UTF-8"),
    "a control character": (b"on: \x07push\n", 1, "no valid YAML"),
    "a tab": (b"on:\n\t- push\n", 2, "no valid YAML"),
    "not closed": (b"on: [push\njobs: {\n", 2, "no valid YAML"),
    "two documents": (WORKFLOW.encode() + b"---\n" + WORKFLOW.encode(), 7, "no valid YAML"),
    "an unknown alias": (b"on: *nobody\n", 1, "no valid YAML"),
    "a bomb of aliases": (BOMB.encode() + WORKFLOW.encode(), 0, "with its aliases"),
    "an alias in itself": (b"x: &x\n  - *x\n" + WORKFLOW.encode(), 0, "leads back to itself"),
    "too deep": (DEEP.encode(), 1, "nested too deeply"),
    "deeper than Python": (b"[" * 100_000, 1, "nested too deeply"),
    "too large": (b"# " + b"x" * 2_000_000, 1, "larger than"),
    "a key twice": (WORKFLOW.encode() + b"jobs: {}\n", 7, "written twice (line 2)"),
    "a key that is a list": (b"[a]: b\n" + WORKFLOW.encode(), 1, "a key must be a text"),
    "a list": (b"- on: push\n", 1, "a workflow must be a mapping"),
    "a text": (b"hello\n", 1, "a workflow must be a mapping"),
    "no jobs": (b"on: push\n", 1, "no workflow"),
    "no events": (b"jobs: {}\n", 1, "no workflow"),
    "jobs as a list": (b"on: push\njobs: [a]\n", 2, "jobs must be a mapping"),
    "a job that is a text": (b"on: push\njobs:\n  a: b\n", 3, "job a must be a mapping"),
    "a step that is a text": (
        b"on: push\njobs:\n  a:\n    steps:\n      - make\n",
        5,
        "a step must be a mapping",
    ),
    "a run that is a list": (WORKFLOW.replace("true", "[a]").encode(), 6, "run must be a text"),
    "needs as a mapping": (
        WORKFLOW.replace("runs-on: x", "needs: {a: b}").encode(),
        4,
        "needs must be a text",
    ),
    "a condition that is none": (
        WORKFLOW.replace("runs-on: x", "if: a =! b").encode(),
        4,
        "no valid expression",
    ),
    "an expression without an end": (
        WORKFLOW.replace("true", "echo ${{ a").encode(),
        6,
        "no valid expression",
    ),
    "an expression like a staircase": (
        WORKFLOW.replace("true", "${{" + "(" * 5000 + "}}").encode(),
        6,
        "nested too deeply",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_error_that_says_where(tmp_path: Path, name: str) -> None:
    data, line, reason = BROKEN[name]
    file = tmp_path / "bad.yml"
    file.write_bytes(data)
    start = time.process_time()

    with pytest.raises(UsageError) as caught:
        lint(tmp_path, "main")

    assert caught.value.code == "workflow-invalid"
    assert caught.value.exit_status == 2
    assert reason in caught.value.message
    assert caught.value.message.startswith(f"{file.as_posix()}:{line or ''}")
    assert time.process_time() - start < 20


def test_all_broken_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("[")
    (tmp_path / "b.yaml").write_bytes(b"\xff")
    (tmp_path / "c.yml").write_text(WORKFLOW)

    with pytest.raises(UsageError) as caught:
        lint(tmp_path, "main")

    assert "2 workflows" in caught.value.message
    assert [Path(each.partition(":")[0]).name for each in caught.value.details] == [
        "a.yml",
        "b.yaml",
    ]


def test_more_files_than_any_repository_has_are_an_error(tmp_path: Path) -> None:
    for number in range(501):
        (tmp_path / f"{number}.yml").touch()

    with pytest.raises(UsageError, match="more than 500"):
        lint(tmp_path, "main")


@pytest.mark.parametrize("name", ["", "missing", "file.txt"])
def test_a_directory_without_workflows_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("no directory")

    with pytest.raises(UsageError) as caught:
        lint(tmp_path / name, "main")

    assert caught.value.code == "workflows-missing"
    assert caught.value.exit_status == 2


def test_a_file_that_may_not_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    directory = repository(tmp_path, ci=WORKFLOW)
    monkeypatch.setattr("deployctl.lint.loader._bytes", refuse)

    with pytest.raises(UsageError, match=r"ci\.yml: Permission denied"):
        lint(directory, "main")


# ---------------------------------------------------------------- valid, and meant to take long

DEPLOY = """\
on: {push: {branches: [main]}}
jobs:
  a:
    runs-on: x
    env: ENVIRONMENT
    steps:
      - run: |
          SCRIPT
      - uses: example/deployctl@v1
        with: {service: a, tag: 'TAG'}
"""
DOUBLING = " && ".join(f"V{n}=$V{n + 1}$V{n + 1}" for n in range(60))


@pytest.mark.parametrize(
    ("environment", "script", "tag"),
    [
        ("{A: '${{ env.B }}', B: '${{ env.A }}'}", "true", "${{ env.A }}"),
        ("{A: '${{ env.A }}${{ env.A }}'}", "true", "${{ env.A }}"),
        ("{}", "A=$B; B=$A; deployctl deploy a $A", "${{ env.A }}"),
        ("{}", "A=$A$A$A; deployctl deploy a $A", "${{ env.A }}"),
        ("{}", f"{DOUBLING}; deployctl deploy a $V0", "${{ env.A }}"),
        ("{}", "true", "${{ steps.a.outputs.b }}"),
    ],
)
def test_a_value_that_leads_back_to_itself_is_a_broken_link(
    tmp_path: Path, environment: str, script: str, tag: str
) -> None:
    text = DEPLOY.replace("ENVIRONMENT", environment).replace("SCRIPT", script)
    start = time.process_time()

    report = lint(repository(tmp_path, ci=text.replace("TAG", tag)), "main")

    assert "link-broken" in {finding.rule for finding in report.findings}
    assert time.process_time() - start < 20


def test_workflows_that_call_each_other_end(tmp_path: Path) -> None:
    text = "on: [push, workflow_call]\njobs:\n  a:\n    uses: ./.github/workflows/{}.yml\n"

    report = lint(repository(tmp_path, a=text.format("b"), b=text.format("a")), "main")

    assert report.findings == ()


def test_calls_that_multiply_are_an_error(tmp_path: Path) -> None:
    call = "  j{}:\n    uses: ./.github/workflows/a.yml\n"
    text = "on: [push, workflow_call]\njobs:\n" + "".join(call.format(n) for n in range(50))

    with pytest.raises(UsageError, match="calls make more than"):
        lint(repository(tmp_path, a=text), "main")


def test_jobs_that_need_each_other_end(tmp_path: Path) -> None:
    step = (
        "    steps: [{uses: e/deployctl@v1, with: {service: a, tag: '${{ needs.b.outputs.t }}'}}]"
    )
    text = f"""\
on: {{push: {{branches: [main]}}}}
jobs:
  a:
    needs: b
{step}
  b:
    needs: a
    if: always() && needs.a.result == 'success'
    outputs: {{t: '${{{{ needs.a.outputs.t }}}}'}}
"""

    assert lint(repository(tmp_path, a=text), "main").findings


@given(st.binary(max_size=200))
def test_any_bytes_are_a_workflow_or_an_error(data: bytes) -> None:
    with suppress(DocumentError):
        read(data, "f.yml")


keys = st.sampled_from(
    [
        *("on", "jobs", "a", "steps", "run", "uses", "if", "needs", "with", "env", "outputs"),
        *("push", "workflow_call", "inputs", "tag", "branches", "secrets", "defaults", "shell"),
    ]
)
values = st.recursive(
    st.sampled_from(["", "a", "true", "${{ a.b }}", "e/deployctl@v1", "ssh a", "inherit", "*"]),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(keys, values, max_size=4), values, values)
def test_any_structure_is_a_workflow_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, extra: dict[str, object], on: object, jobs: object
) -> None:
    directory = tmp_path_factory.mktemp("w")
    text = yaml.safe_dump({**extra, "on": on, "jobs": {"a": jobs, "b": {"needs": "a"}}})
    (directory / "f.yml").write_text(text)
    with suppress(UsageError):
        lint(directory, "main")
