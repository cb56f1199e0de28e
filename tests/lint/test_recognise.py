"""What a step is taken for, and what it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deployctl.errors import UsageError
from deployctl.lint import lint
from deployctl.lint.steps.gitops import gitops
from deployctl.lint.steps.other_ways import other_ways
from deployctl.lint.steps.pushes import pushes
from deployctl.lint.steps.scans import scans
from deployctl.lint.steps.tests import is_test
from deployctl.lint.workflow.reader import read
from deployctl.lint.workflow.values import Job, Step
from tests.lint.build import repository, rules


def job_of(*steps: dict[str, object], **keys: object) -> Job:
    workflow = {"on": "push", "jobs": {"build": {"steps": list(steps), **keys}}}
    return read(json.dumps(workflow).encode(), "w.yml").jobs["build"]


def step_of(**keys: object) -> Step:
    return job_of(keys).steps[0]


# ---------------------------------------------------------------- scans


@pytest.mark.parametrize(
    "run",
    [
        "trivy image --exit-code 1 app",
        "trivy --quiet image --exit-code=2 --severity HIGH app > report",
        "TRIVY_EXIT_CODE=1 trivy image app",
        "trivy image --config trivy.yaml app",
        "trivy image --exit-code 1 app || exit 1",
        "docker run --rm ghcr.io/aquasecurity/trivy:0.58.0 image --exit-code 1 app",
        "grype app:tag --fail-on high",
        "docker scout cves --exit-code --only-severity critical app",
        "snyk container test app",
        "set -o pipefail\ntrivy image --exit-code 1 app | tee log",
    ],
)
def test_a_scan_that_can_fail_is_one(run: str) -> None:
    (scan,) = scans(step_of(run=run))

    assert scan.toothless == ""


@pytest.mark.parametrize(
    "run",
    [
        "trivy image app",
        "trivy image --exit-code 0 app",
        "trivy image --exit-code 1 app || true",
        "trivy image --exit-code 1 app || exit 0",
        "trivy image --exit-code 1 app || echo found something",
        "trivy image --exit-code 1 app | tee log",
        "trivy image --exit-code 1 app &",
        "if trivy image --exit-code 1 app; then echo good; fi",
        "set +e\ntrivy image --exit-code 1 app",
        "grype app",
        "docker scout cves app",
    ],
)
def test_a_scan_that_cannot_fail_says_why(run: str) -> None:
    (scan,) = scans(step_of(run=run))

    assert scan.toothless
    assert scan.place.line == 1


@pytest.mark.parametrize(
    "run",
    [
        *("trivy fs .", "trivy config .", "grype dir:.", "echo trivy image app"),
        *("# trivy image app", "docker run app trivial image", "docker scout quickview app"),
        "snyk test",
    ],
)
def test_what_looks_at_no_image_is_no_scan(run: str) -> None:
    assert list(scans(step_of(run=run))) == []


@pytest.mark.parametrize(
    ("uses", "inputs", "toothless"),
    [
        ("aquasecurity/trivy-action@v0", {"exit-code": 1}, False),
        ("aquasecurity/trivy-action@v0", {"trivy-config": "trivy.yaml"}, False),
        ("aquasecurity/trivy-action@v0", {"exit-code": 0}, True),
        ("aquasecurity/trivy-action@v0", {}, True),
        ("anchore/scan-action@v6", {}, False),
        ("anchore/scan-action@v6", {"fail-build": False}, True),
        ("docker/scout-action@v1", {"exit-code": True}, False),
        ("docker/scout-action@v1", {}, True),
        ("snyk/actions/docker@v1", {}, False),
    ],
)
def test_the_scanners_actions_are_known(
    uses: str, inputs: dict[str, object], toothless: bool
) -> None:
    (scan,) = scans(step_of(uses=uses, **{"with": inputs}))

    assert bool(scan.toothless) is toothless


def test_with_bash_named_a_pipe_loses_no_failure() -> None:
    run = "trivy image --exit-code 1 app | tee log"

    named = job_of({"run": run, "shell": "bash"})
    job = job_of({"run": run}, defaults={"run": {"shell": "bash"}})

    assert next(scans(named.steps[0])).toothless == ""
    assert next(scans(job.steps[0])).toothless == ""


# ---------------------------------------------------------------- pushes and tests


@pytest.mark.parametrize(
    ("run", "count"),
    [
        ("docker push app", 1),
        ("docker image push app && docker compose push", 2),
        ("docker buildx build --push .", 1),
        ("docker buildx build --output type=registry .", 1),
        ("docker-compose push", 1),
        ("skopeo copy docker-daemon:a docker://b", 1),
        ("crane push image.tar app", 1),
        ("git push origin main", 0),
        ("docker build . # docker push", 0),
        ("docker run app push", 0),
    ],
)
def test_pushes_of_images_are_seen(run: str, count: int) -> None:
    assert len(list(pushes(step_of(run=run)))) == count


@pytest.mark.parametrize(
    ("inputs", "count"),
    [
        ({"push": True}, 1),
        ({"push": "${{ github.event_name == 'push' }}"}, 1),
        ({"outputs": "type=registry"}, 1),
        ({"push": False, "load": True}, 0),
        ({}, 0),
    ],
)
def test_the_build_action_pushes_if_it_is_told_to(inputs: dict[str, object], count: int) -> None:
    step = step_of(uses="docker/build-push-action@v6", **{"with": inputs})

    assert len(list(pushes(step))) == count


@pytest.mark.parametrize(
    ("run", "tests"),
    [
        ("pytest -q", True),
        ("uv run pytest", True),
        ("make check", True),
        ("npm run test:unit", True),
        ("./gradlew :app:test", True),
        ("go test ./...", True),
        ("mvn -B verify", True),
        ('test -n "$X"', False),
        ("make build", False),
        ("docker compose run app pytest", True),
        ("docker build -t app:test .", False),
        ("docker push org/test", False),
        ("echo make test", False),
    ],
)
def test_commands_that_run_tests_are_seen(run: str, tests: bool) -> None:
    assert is_test(job_of({"run": run})) is tests


# ---------------------------------------------------------------- other ways


def reached(step: Step, *, own: bool = False) -> list[str]:
    return [what for _, what in other_ways(step, on_own_machine=own)]


@pytest.mark.parametrize(
    "run",
    [
        "ssh deploy@$HOST docker compose pull",
        "echo go && ssh -i key -p 22 host <<EOF\ndocker compose up -d\nEOF",
        "sshpass -p x ssh host",
        "scp compose.yml deploy@host:/opt",
        "rsync -az ./ host:/opt/infra",
        "sudo -E timeout 60 ssh host",
        "ansible-playbook deploy.yml",
        "docker -H ssh://host compose up -d",
        "docker --context vps compose up -d",
        "DOCKER_HOST=ssh://host docker pull app",
    ],
)
def test_a_way_around_deployctl_is_seen(run: str) -> None:
    assert len(reached(step_of(run=run))) == 1


@pytest.mark.parametrize(
    "run",
    [
        "ssh -T git@github.com || true",
        "ssh -V",
        "ssh-keygen -t ed25519 -f key",
        "ssh-keyscan host >> known_hosts",
        "rsync -a build/ public/",
        "docker pull app && docker compose up -d",
        "docker context ls",
        "echo 'ssh host' > notes",
        "cat > deploy.sh <<EOF\nssh host\nEOF",
        "# ssh host",
        "git clone git@github.com:a/b",
    ],
)
def test_what_only_looks_like_one_is_not(run: str) -> None:
    assert reached(step_of(run=run)) == []


def test_on_the_host_itself_compose_is_a_way_around() -> None:
    step = step_of(run="docker compose up -d app", env={"IMAGE_TAG": "x"})

    assert reached(step, own=True) == ["docker compose on the runner itself"]
    assert reached(step) == []
    assert reached(step_of(run="docker compose up -d db"), own=True) == []


@pytest.mark.parametrize(
    ("run", "model"),
    [
        ("kustomize edit set image app=app:x", True),
        ("yq -i '.image.tag = env(TAG)' values.yaml && git push", True),
        ("sed -i s/tag:.*/tag:x/ values.yaml", True),
        ("flux reconcile kustomization apps", True),
        ("argocd app set app -p image.tag=x", True),
        ("yq '.image.tag' values.yaml", False),
        ("sed -i s/a/b/ notes.txt", False),
        ("flux check", False),
    ],
)
def test_the_other_model_is_seen(run: str, model: bool) -> None:
    assert (gitops(step_of(run=run)) is not None) is model


# ---------------------------------------------------------------- main, and only main

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
    text = CHAIN.replace("TRIGGERS", triggers).replace("IF", written)

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
    lines = CHAIN.replace("TRIGGERS", "{push: {branches: [main]}}").replace("IF", "name: a")
    text = "\n".join(f"      {step}" if "id: t" in line else line for line in lines.splitlines())

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
    text = CHAIN.replace("TRIGGERS", triggers).replace("IF", f"if: {MAIN}")
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
    text = CHAIN.replace("TRIGGERS", "{push: {branches: [main]}}").replace("IF", "name: a")
    text = text.replace("- run: trivy", "- id: scan\n        run: trivy")
    text = text.replace("- uses: ex", f"- if: {json.dumps(condition)}\n        uses: ex")

    assert rules(repository(tmp_path, w=text)) == (["failure-passed"] if passes else [])


def test_a_service_may_be_named_by_a_variable_in_the_other_model(tmp_path: Path) -> None:
    text = CHAIN.replace("TRIGGERS", "{push: {branches: [main]}}").replace("IF", "name: a")
    flux = "      - {run: flux reconcile kustomization $S, env: {S: SERVICE}}\n"

    assert rules(repository(tmp_path, w=text + flux.replace("SERVICE", "a"))) == ["mixed-models"]
    assert rules(repository(tmp_path, w=text + flux.replace("SERVICE", "b"))) == []


def test_more_files_than_any_repository_has_are_an_error(tmp_path: Path) -> None:
    for number in range(501):
        (tmp_path / f"{number}.yml").touch()

    with pytest.raises(UsageError, match="more than 500"):
        lint(tmp_path, "main")
