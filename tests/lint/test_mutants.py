"""The examples keep the chain; each change that breaks it is found, where it is, and alone."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from deployctl.lint import RULES, lint
from tests.lint.build import change, examples, findings, line_of

SCAN = "      - name: Scan\n"
PUSH = "      - name: Push\n"
LIST = "      - name: List what is inside (SBOM)\n"
DEPLOY = "      - name: Deploy\n"
BUILD = "      - name: Build\n"
TAG = "tag: ${{ inputs.image-tag }}"
MAIN = "if: github.ref == 'refs/heads/main'"
RUN_TESTS = "        run: make test"
NEEDS_SECREL = "    needs: secrel\n"
SECREL_IF = "    if: github.ref == 'refs/heads/main'\n    permissions:\n      contents: read\n"
INSTALLED = """\
      - name: Deploy
        env:
          IMAGE_TAG: {tag}
          DIGEST: ${{{{ inputs.digest }}}}
        run: |
          pipx install deployctl
          {command}
      - name: What stood here before
        if: false
"""


class Mutant(NamedTuple):
    """One change of the examples.

    Attributes:
        line: a text of the line where it is found, in the changed file.
        where: that file, if it is not the changed one.
    """

    rule: str
    file: str
    old: str
    new: str
    line: str
    where: str = ""


MUTANTS = {
    # -------------------------------------------------------- the tag
    "latest": Mutant("tag-mutable", "deploy-compose.yml", TAG, "tag: latest", "tag: latest"),
    "a version": Mutant("tag-mutable", "deploy-compose.yml", TAG, "tag: v1.2.3", "tag: v1.2.3"),
    "the branch": Mutant(
        "tag-mutable",
        "deploy-compose.yml",
        TAG,
        "tag: ${{ github.ref_name }}",
        "tag: ${{ github.ref_name }}",
    ),
    "latest as a fallback": Mutant(
        "tag-mutable",
        "deploy-compose.yml",
        TAG,
        "tag: ${{ inputs.image-tag || 'latest' }}",
        "|| 'latest'",
    ),
    "latest, passed by the caller": Mutant(
        "tag-mutable",
        "ci.yml",
        "image-tag: ${{ needs.secrel.outputs.image-tag }}",
        "image-tag: latest",
        "image-tag: latest",
    ),
    "the branch, at the very beginning": Mutant(
        "tag-mutable",
        "secrel.yml",
        'echo "tag=sha-${GITHUB_SHA::7}"',
        'echo "tag=${GITHUB_REF_NAME}"',
        "GITHUB_REF_NAME",
    ),
    "a literal": Mutant(
        "tag-literal", "deploy-compose.yml", TAG, "tag: sha-1a2b3c4", "tag: sha-1a2b3c4"
    ),
    "a setting": Mutant(
        "tag-foreign",
        "deploy-compose.yml",
        TAG,
        "tag: ${{ vars.IMAGE_TAG }}",
        "tag: ${{ vars.IMAGE_TAG }}",
    ),
    "recomputed by an expression": Mutant(
        "tag-recomputed",
        "deploy-compose.yml",
        TAG,
        "tag: sha-${{ github.sha }}",
        "tag: sha-${{ github.sha }}",
    ),
    "recomputed by format": Mutant(
        "tag-recomputed",
        "deploy-compose.yml",
        TAG,
        "tag: ${{ format('sha-{0}', github.sha) }}",
        "tag: ${{ format(",
    ),
    "recomputed by the caller": Mutant(
        "tag-recomputed",
        "ci.yml",
        "image-tag: ${{ needs.secrel.outputs.image-tag }}",
        "image-tag: sha-${{ github.sha }}",
        "image-tag: sha-",
    ),
    "computed again, and not used": Mutant(
        "tag-recomputed",
        "deploy-compose.yml",
        DEPLOY,
        '      - run: echo "tag=sha-${GITHUB_SHA::7}" >> "$GITHUB_OUTPUT"\n' + DEPLOY,
        "GITHUB_SHA",
    ),
    "computed again, for the push": Mutant(
        "tag-recomputed",
        "secrel.yml",
        '          docker push "$IMAGE:$TAG"\n',
        '          docker push "$IMAGE:sha-${GITHUB_SHA::7}"\n',
        "docker push",
    ),
    # -------------------------------------------------------- links
    "a misspelt output of a job": Mutant(
        "link-broken",
        "ci.yml",
        "image-tag: ${{ needs.secrel.outputs.image-tag }}",
        "image-tag: ${{ needs.secrel.outputs.image_tag }}",
        "image_tag",
    ),
    "a misspelt output of a step": Mutant(
        "link-broken",
        "secrel.yml",
        "image-tag: ${{ steps.set-tag.outputs.tag }}",
        "image-tag: ${{ steps.set-tag.outputs.image-tag }}",
        "steps.set-tag.outputs.image-tag",
    ),
    "a misspelt step": Mutant(
        "link-broken",
        "secrel.yml",
        "digest: ${{ steps.push.outputs.digest }}",
        "digest: ${{ steps.pusch.outputs.digest }}",
        "pusch",
    ),
    "a misspelt job": Mutant(
        "link-broken",
        "secrel.yml",
        "value: ${{ jobs.build-scan-push.outputs.digest }}",
        "value: ${{ jobs.build.outputs.digest }}",
        "jobs.build.outputs.digest",
    ),
    "a misspelt input": Mutant(
        "link-broken", "deploy-compose.yml", TAG, "tag: ${{ inputs.tag }}", "tag: ${{ inputs.tag }}"
    ),
    "an input that is not passed": Mutant(
        "link-broken",
        "ci.yml",
        "      digest: ${{ needs.secrel.outputs.digest }}\n",
        "",
        "  deploy:",
    ),
    "a secret that is not passed": Mutant(
        "link-broken",
        "ci.yml",
        "      VPS_USER: ${{ secrets.VPS_USER }}\n",
        "",
        "  deploy:",
    ),
    "another name is written": Mutant(
        "link-broken",
        "secrel.yml",
        'echo "digest=$digest"',
        'echo "diggest=$digest"',
        "digest: ${{ steps.push.outputs.digest }}",
    ),
    "an empty tag": Mutant("link-broken", "deploy-compose.yml", TAG, "tag: ''", "- name: Deploy"),
    "a need that does not exist": Mutant(
        "link-broken", "ci.yml", "    needs: test\n", "    needs: [test, lint]\n", "[test, lint]"
    ),
    "a file that does not exist": Mutant(
        "link-broken",
        "ci.yml",
        "  secrel:\n    name: secrel\n",
        "  checks:\n    uses: ./.github/workflows/checks.yml\n  secrel:\n    name: secrel\n",
        "checks.yml",
    ),
    # -------------------------------------------------------- scan and tests
    "no scan": Mutant(
        "scan-missing",
        "secrel.yml",
        "aquasecurity/trivy-action@57a97c7e7821a5776cebc9bb87c984fa69cba8f1 # v0.35.0",
        "example/does-nothing@57a97c7e7821a5776cebc9bb87c984fa69cba8f1 # v1",
        "  deploy:",
        where="ci.yml",
    ),
    "a scan of the files, not of the image": Mutant(
        "scan-missing",
        "secrel.yml",
        "          severity: HIGH,CRITICAL\n",
        "          severity: HIGH,CRITICAL\n          scan-type: fs\n",
        "  deploy:",
        where="ci.yml",
    ),
    "a scan that may be left out": Mutant(
        "scan-missing",
        "secrel.yml",
        SCAN,
        SCAN + "        if: vars.SKIP_SCAN != 'true'\n",
        "SKIP_SCAN",
    ),
    "a push before the scan": Mutant(
        "scan-after-push",
        "secrel.yml",
        SCAN,
        '      - run: docker push "$IMAGE:edge"\n' + SCAN,
        "edge",
    ),
    "a build that pushes": Mutant(
        "scan-after-push",
        "secrel.yml",
        "          docker build \\\n",
        "          docker buildx build --push \\\n",
        "docker buildx build",
    ),
    "no tests": Mutant("test-missing", "ci.yml", "    needs: test\n", "", "  deploy:"),
    # -------------------------------------------------------- failures that do not count
    "a scan with continue-on-error": Mutant(
        "failure-ignored",
        "secrel.yml",
        SCAN,
        SCAN + "        continue-on-error: true\n",
        "continue-on-error",
    ),
    "a job with continue-on-error": Mutant(
        "failure-ignored",
        "secrel.yml",
        "    timeout-minutes: 30\n",
        "    timeout-minutes: 30\n    continue-on-error: true\n",
        "continue-on-error",
    ),
    "exit code 0": Mutant(
        "failure-ignored", "secrel.yml", 'exit-code: "1"', 'exit-code: "0"', "exit-code:"
    ),
    "no exit code": Mutant(
        "failure-ignored", "secrel.yml", '          exit-code: "1"\n', "", "- name: Scan"
    ),
    "tests || true": Mutant(
        "failure-ignored", "ci.yml", RUN_TESTS, RUN_TESTS + " || true", "make test"
    ),
    "tests in a pipe": Mutant(
        "failure-ignored", "ci.yml", RUN_TESTS, RUN_TESTS + " | tee log", "make test"
    ),
    "tests with continue-on-error": Mutant(
        "failure-ignored",
        "ci.yml",
        RUN_TESTS,
        "        continue-on-error: true\n" + RUN_TESTS,
        "continue-on-error",
    ),
}
MUTANTS |= {
    "always() on the call": Mutant(
        "failure-passed",
        "ci.yml",
        NEEDS_SECREL,
        NEEDS_SECREL + "    if: always()\n",
        "if: always()",
    ),
    "not cancelled on the call": Mutant(
        "failure-passed",
        "ci.yml",
        NEEDS_SECREL,
        NEEDS_SECREL + "    if: ${{ !cancelled() }}\n",
        "!cancelled()",
    ),
    "any result but failure": Mutant(
        "failure-passed",
        "ci.yml",
        NEEDS_SECREL,
        NEEDS_SECREL + "    if: always() && needs.secrel.result != 'failure'\n",
        "always()",
    ),
    "secrel after failed tests": Mutant(
        "failure-passed",
        "ci.yml",
        SECREL_IF,
        SECREL_IF.replace("main'", "main' && !cancelled()"),
        "!cancelled()",
    ),
    "a push after a failed scan": Mutant(
        "failure-passed", "secrel.yml", PUSH, PUSH + "        if: always()\n", "if: always()"
    ),
    # -------------------------------------------------------- main
    "no condition": Mutant("not-main-only", "deploy-compose.yml", f"    {MAIN}\n", "", "  deploy:"),
    "another branch": Mutant(
        "not-main-only",
        "deploy-compose.yml",
        MAIN,
        MAIN + " || github.event_name == 'pull_request'",
        "pull_request",
    ),
    "an input opens it": Mutant(
        "not-main-only", "deploy-compose.yml", MAIN, MAIN + " || inputs.force", "inputs.force"
    ),
    "a text that is always true": Mutant(
        "not-main-only",
        "deploy-compose.yml",
        MAIN,
        "if: ${{ github.ref == 'refs/heads/main' }} && true",
        "&& true",
    ),
    "not that branch": Mutant(
        "not-main-only",
        "deploy-compose.yml",
        MAIN,
        "if: github.ref != 'refs/heads/feature'",
        "!= 'refs/heads/feature'",
    ),
    # -------------------------------------------------------- other ways
    "raw ssh": Mutant(
        "second-way",
        "deploy-compose.yml",
        DEPLOY,
        '      - run: ssh "$VPS" docker compose pull\n' + DEPLOY,
        "ssh ",
    ),
    "an ssh action": Mutant(
        "second-way",
        "rollback.yml",
        "      - name: Roll back\n",
        "      - uses: appleboy/ssh-action@v1\n      - name: Roll back\n",
        "appleboy",
    ),
    "docker for another host": Mutant(
        "second-way",
        "secrel.yml",
        BUILD,
        '      - run: docker -H "ssh://deploy@$VPS" pull "$IMAGE"\n' + BUILD,
        "docker -H",
    ),
    "files are copied": Mutant(
        "second-way",
        "ci.yml",
        RUN_TESTS,
        "        run: |\n          make test\n          rsync -a compose/ deploy@vps:/opt/infra",
        "rsync",
    ),
    "Flux as well": Mutant(
        "mixed-models",
        "secrel.yml",
        LIST,
        "      - run: |\n          cd infra/apps/enforcer-backend\n"
        "          kustomize edit set image app=app:new\n" + LIST,
        "kustomize",
    ),
}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return examples(tmp_path)


def test_the_examples_keep_the_chain(copied: Path) -> None:
    report = lint(copied, "main")

    assert report.findings == ()
    assert report.deploys == 1
    assert len(report.files) == 4


@pytest.mark.parametrize("name", MUTANTS)
def test_each_mutant_has_exactly_its_own_finding(copied: Path, name: str) -> None:
    mutant = MUTANTS[name]
    change(copied, mutant.file, mutant.old, mutant.new)
    file = mutant.where or mutant.file

    found = findings(copied)

    assert [each.rule for each in found] == [mutant.rule], found
    assert found[0].place.file == (copied / file).as_posix()
    assert found[0].place.line == line_of(copied, file, mutant.line)
    assert found[0].reason
    assert found[0].fix


def test_every_rule_has_a_mutant() -> None:
    assert {mutant.rule for mutant in MUTANTS.values()} == set(RULES)


# ---------------------------------------------------------------- deployctl as a command


def as_command(directory: Path, command: str, tag: str = "${{ inputs.image-tag }}") -> None:
    """Let the deploy be a `run:` instead of the action."""
    change(directory, "deploy-compose.yml", DEPLOY, INSTALLED.format(command=command, tag=tag))


@pytest.mark.parametrize(
    "command",
    [
        'deployctl deploy enforcer-backend "$IMAGE_TAG" --wait 10m --digest "$DIGEST"',
        'deployctl deploy --digest="$DIGEST" enforcer-backend ${IMAGE_TAG}',
        "python -m deployctl deploy enforcer-backend ${IMAGE_TAG:?}",
        "deployctl deploy enforcer-backend ${{ inputs.image-tag }}",
        'tag=$IMAGE_TAG && deployctl deploy enforcer-backend "$tag"',
        "deployctl deploy enforcer-backend latest --dry-run",
    ],
)
def test_a_command_is_followed_like_the_action(copied: Path, command: str) -> None:
    as_command(copied, command)

    assert findings(copied) == ()


@pytest.mark.parametrize(
    ("command", "rule"),
    [
        ("deployctl deploy enforcer-backend latest", "tag-mutable"),
        ("sudo -u deploy deployctl deploy enforcer-backend ${IMAGE_TAG:-latest}", "tag-mutable"),
        ("deployctl deploy enforcer-backend $GITHUB_REF_NAME", "tag-mutable"),
        ("deployctl deploy enforcer-backend sha-1a2b3c4", "tag-literal"),
        ("deployctl deploy enforcer-backend sha-${GITHUB_SHA::7}", "tag-recomputed"),
        ("deployctl deploy enforcer-backend sha-$(git rev-parse --short HEAD)", "tag-recomputed"),
        ("deployctl deploy enforcer-backend $IMAGE_TGA", "link-broken"),
        ("deployctl deploy enforcer-backend", "link-broken"),
        ('deployctl deploy enforcer-backend "$IMAGE_TAG" --digest "$DIGST"', "link-broken"),
    ],
)
def test_a_wrong_tag_of_a_command_is_found(copied: Path, command: str, rule: str) -> None:
    as_command(copied, command)

    assert [each.rule for each in findings(copied)] == [rule]


def test_the_tag_may_be_handed_on_by_environment_variables(copied: Path) -> None:
    change(
        copied,
        "deploy-compose.yml",
        DEPLOY,
        '      - run: echo "WANTED=$GIVEN" >> "$GITHUB_ENV"\n'
        "        env:\n          GIVEN: ${{ inputs.image-tag }}\n" + DEPLOY,
    )
    change(copied, "deploy-compose.yml", TAG, "tag: ${{ env.WANTED }}")

    assert findings(copied) == ()
