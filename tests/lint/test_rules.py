"""Where the rules draw their lines: the cases beside those of the examples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployctl.lint import lint
from tests.lint.build import repository, rules

CHAIN = """\
on: TRIGGERS
jobs:
  all:
    IF
    runs-on: x
    steps:
      - run: make test
      - {id: t, run: 'echo "tag=sha-${GITHUB_SHA::7}" >> $GITHUB_OUTPUT'}
      - run: trivy image --exit-code 1 app
      - uses: example/deployctl@v1
        with: {service: a, tag: "${{ steps.t.outputs.tag }}"}
"""
MAIN = "github.ref == 'refs/heads/main'"
ON_MAIN = "{push: {branches: [main]}}"


def chain(triggers: str = ON_MAIN, condition: str = "name: a") -> str:
    """A workflow that keeps the chain in one job; `condition` is a line of that job."""
    return CHAIN.replace("TRIGGERS", triggers).replace("IF", condition)


# ---------------------------------------------------------------- main, and only main


@pytest.mark.parametrize(
    ("triggers", "condition", "only_main"),
    [
        ("{push: {branches: [main]}}", "", True),
        ("{push: {branches: [main]}, schedule: [{cron: '0 0 * * *'}]}", "", True),
        ("{push: {branches: ['ma*']}}", "", False),
        ("{push: {branches: ['**']}}", "", False),
        ("{push: {branches: ['*', '!x']}}", "", False),
        ("{push: {branches: [main, 'release/**']}}", "", False),
        ("{push: {branches-ignore: [dev]}}", "", False),
        ("{push: {tags: ['v*']}}", "", False),
        ("{push: {tags: ['v*'], branches: [main]}}", "", False),
        ("push", "", False),
        ("[push, pull_request]", MAIN, True),
        ("[push, workflow_dispatch, release, merge_group]", MAIN, True),
        ("push", "github.ref_name == 'main'", False),
        ("push", "github.ref_name == 'main' && github.ref_type == 'branch'", True),
        ("{push: {branches: ['**']}}", "github.ref_name == 'main'", True),
        ("push", "startsWith(github.ref, 'refs/heads/main')", False),
        ("push", "endsWith(github.ref, '/main')", False),
        ("push", "contains(github.ref, 'main')", False),
        ("push", "contains(fromJSON('[\"refs/heads/main\"]'), github.ref)", True),
        ("push", "github.event_name == 'push'", False),
        ("push", f"always() && {MAIN}", True),
        ("push", "!(github.ref != 'refs/heads/main')", True),
        ("push", f"{MAIN} || {MAIN.replace('main', 'next')}", False),
        ("push", f"{MAIN} || vars.ANYWHERE", False),
        ("push", f"{MAIN} && vars.ANYWHERE", True),
        ("push", f"({MAIN}) == false", False),
        ("pull_request_target", MAIN, False),
        ("pull_request_target", "github.event.pull_request.merged", False),
        ("{pull_request: {types: [closed]}}", "github.base_ref == 'main'", False),
        ("{workflow_run: {workflows: [ci], branches: [main]}}", MAIN, False),
    ],
)
def test_main_only_is_judged_for_every_event(
    tmp_path: Path, triggers: str, condition: str, only_main: bool
) -> None:
    written = f"if: {json.dumps(condition)}" if condition else "name: all"
    text = chain(triggers, written)

    assert rules(repository(tmp_path, w=text)) == ([] if only_main else ["not-main-only"])


# ---------------------------------------------------------------- where the tag comes from


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ('echo "tag=sha-${GITHUB_SHA::7}" >> "$GITHUB_OUTPUT"', []),
        ('printf "tag=%s\\n" "sha-${GITHUB_SHA:0:7}" >> "$GITHUB_OUTPUT"', []),
        ('T=sha-$(git rev-parse --short=7 HEAD); echo "tag=$T" >> $GITHUB_OUTPUT', []),
        ('cat >> "$GITHUB_OUTPUT" <<EOF\ntag=sha-${GITHUB_SHA::7}\nEOF', []),
        ("echo '::set-output name=tag::sha-1'${GITHUB_SHA}", []),
        ("./ci/tag.sh", []),
        ('for t in a b; do X=1; done; echo "tag=$t" >> $GITHUB_OUTPUT', []),
        ('echo "tag=$1" >> $GITHUB_OUTPUT', []),
        ('. ./env; echo "tag=$TAG" >> $GITHUB_OUTPUT', []),
        ('echo "tag=latest" >> $GITHUB_OUTPUT', ["tag-mutable"]),
        ("cat >> $GITHUB_OUTPUT <<EOF\ntag=latest\nEOF", ["tag-mutable"]),
        ('echo "tag=$(git describe --tags)" >> $GITHUB_OUTPUT', ["tag-mutable"]),
        ('echo "tag=${GITHUB_REF_NAME//\\//-}" >> $GITHUB_OUTPUT', ["tag-mutable"]),
        ('echo "tag=sha-1a2b3c4" >> $GITHUB_OUTPUT', ["tag-literal"]),
        ('echo "tag=$NOBODY" >> $GITHUB_OUTPUT', ["link-broken"]),
        ('echo "tga=x" >> $GITHUB_OUTPUT', ["link-broken"]),
        ('tag=x; echo "TAGS=$tag" >> $GITHUB_OUTPUT', ["link-broken"]),
        ('echo "tag=$GITHUB_RUN_ID" >> $GITHUB_OUTPUT', ["tag-foreign"]),
    ],
)
def test_what_a_step_writes_is_followed(tmp_path: Path, script: str, expected: list[str]) -> None:
    step = f"- {{id: t, run: {json.dumps(script)}}}"
    lines = chain().splitlines()
    text = "\n".join(f"      {step}" if "id: t" in line else line for line in lines)

    assert rules(repository(tmp_path, w=text)) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("${{ steps.t.outputs.tag }}", []),
        ("${{ steps['t'].outputs.TAG }}", []),
        ("${{ github.ref == 'refs/heads/main' && steps.t.outputs.tag }}", []),
        ("${{ steps.t.outputs.tag || github.sha }}", ["tag-recomputed"]),
        ("${{ github.event.workflow_run.head_sha }}", ["tag-recomputed"]),
        ("${{ steps.t.outputs.tag }}-arm64", ["tag-recomputed"]),
        ("${{ github.event.release.tag_name }}", ["tag-mutable"]),
        ("v${{ github.head_ref }}", ["tag-mutable"]),
        ("${{ github.run_number }}", ["tag-foreign"]),
        ("${{ matrix.tag }}", ["tag-foreign"]),
        ("${{ secrets.TAG }}", ["tag-foreign"]),
        ("${{ inputs.typed }}", ["tag-foreign"]),
        ("${{ github.event.inputs.typed }}", ["tag-foreign"]),
        ("${{ steps[matrix.step].outputs.tag }}", ["tag-foreign"]),
        ("${{ toJSON('x') }}", ["tag-foreign"]),
        ("${{ github.ref == 'x' }}", ["tag-literal"]),
        ("1a2b3c4d", ["tag-literal"]),
        ("${{ '' }}", ["link-broken"]),
        ("${{ inputs.tpyed }}", ["link-broken"]),
        ("${{ inputs.passed }}", ["link-broken"]),
        ("${{ nothing.x }}", ["link-broken"]),
        ("${{ needs.t.outputs.tag }}", ["link-broken"]),
        ("${{ steps.t.outputs.tag || '' }}", ["link-broken"]),
        ("${{ steps.later.outputs.tag }}", ["link-broken"]),
    ],
)
def test_what_a_deploy_is_given_is_followed(tmp_path: Path, tag: str, expected: list[str]) -> None:
    triggers = """
  push: {branches: [main]}
  workflow_dispatch: {inputs: {typed: {type: string}}}
  workflow_call: {inputs: {passed: {type: string}}}"""
    text = chain(triggers, f"if: {MAIN}")
    text = text.replace('"${{ steps.t.outputs.tag }}"', json.dumps(tag))
    text += "      - {id: later, run: 'echo tag=x >> $GITHUB_OUTPUT'}\n"

    assert rules(repository(tmp_path, w=text)) == expected


def test_what_another_repository_does_is_not_seen(tmp_path: Path) -> None:
    text = """
        on: {push: {branches: [main]}}
        jobs:
          secrel:
            uses: example/shared/.github/workflows/secrel.yml@v1
          deploy:
            needs: secrel
            if: github.ref == 'refs/heads/main'
            steps:
              - uses: example/deployctl@v1
                with: {service: a, tag: "${{ needs.secrel.outputs.tag }}"}
              - id: again
                uses: example/deployctl@v1
                with: {service: b, tag: "${{ steps.again.outputs.tag }}"}
    """

    assert rules(repository(tmp_path, w=text)) == ["scan-missing", "test-missing", "link-broken"]


def test_a_scanning_job_that_a_called_workflow_may_leave_out_is_found(tmp_path: Path) -> None:
    secrel = """
        on: {workflow_call: {outputs: {tag: {value: "${{ jobs.build.outputs.tag }}"}}}}
        jobs:
          build:
            outputs: {tag: "${{ steps.t.outputs.tag }}"}
            steps: [{id: t, run: 'echo "tag=sha-${GITHUB_SHA::7}" >> $GITHUB_OUTPUT'}]
          scan:
            needs: build
            if: vars.SCAN
            steps: [{run: trivy image --exit-code 1 app}]
    """
    ci = """
        on: {push: {branches: [main]}}
        jobs:
          test: {steps: [{run: make test}]}
          secrel: {needs: test, uses: ./.github/workflows/secrel.yml}
          deploy:
            needs: secrel
            steps:
              - uses: example/deployctl@v1
                with: {service: a, tag: "${{ needs.secrel.outputs.tag }}"}
    """
    directory = repository(tmp_path, ci=ci, secrel=secrel)

    (finding,) = lint(directory, "main").findings

    assert finding.rule == "failure-passed"
    assert (Path(finding.place.file).name, finding.place.line) == ("secrel.yml", 9)


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        ("always()", True),
        ("failure()", True),
        ("!success()", True),
        ("always() && steps.scan.outcome == 'success'", False),
        ("always() && steps.scan.conclusion != 'skipped'", True),
        ("success()", False),
        ("cancelled()", False),
        ("github.actor == 'me'", False),
    ],
)
def test_a_deploy_behind_a_failed_scan_of_its_own_job_is_found(
    tmp_path: Path, condition: str, passes: bool
) -> None:
    text = chain().replace("- run: trivy", "- id: scan\n        run: trivy")
    text = text.replace("- uses: ex", f"- if: {json.dumps(condition)}\n        uses: ex")

    assert rules(repository(tmp_path, w=text)) == (["failure-passed"] if passes else [])


def test_a_service_may_be_named_by_a_variable_in_the_other_model(tmp_path: Path) -> None:
    text = chain()
    flux = "      - {run: flux reconcile kustomization $S, env: {S: SERVICE}}\n"

    assert rules(repository(tmp_path, w=text + flux.replace("SERVICE", "a"))) == ["mixed-models"]
    assert rules(repository(tmp_path, w=text + flux.replace("SERVICE", "b"))) == []
