"""What a step is taken for, and what it is not."""

from __future__ import annotations

import json

import pytest

from deployctl.lint.steps.gitops import gitops
from deployctl.lint.steps.other_ways import other_ways
from deployctl.lint.steps.pushes import pushes
from deployctl.lint.steps.scans import scans
from deployctl.lint.steps.tests import is_test
from deployctl.lint.workflow.reader import read
from deployctl.lint.workflow.values import Job, Step


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
