"""Workflows built like those of well-known public projects: no crash and no false alarm.

Only their structure is like theirs: which jobs there are, what calls what, which features of
workflows they use.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from deployctl.lint import lint
from tests.lint.build import repository, rules

# A web framework: one big matrix, a gate job that always runs, a release by tag.
FRAMEWORK = {
    "ci": """
        name: Tests
        on: [push, pull_request]
        defaults:
          run:
            shell: bash
        jobs:
          test:
            strategy:
              fail-fast: false
              matrix:
                os: [ubuntu-latest, windows-latest]
                python: ["3.11", "3.12", "3.13"]
                include:
                  - {os: ubuntu-latest, python: pypy-3.10, experimental: true}
            runs-on: ${{ matrix.os }}
            continue-on-error: ${{ matrix.experimental == true }}
            steps:
              - uses: actions/checkout@v4
              - run: python -m tox -e py | tee log.txt
          all-green:
            if: always()
            needs: [test]
            runs-on: ubuntu-latest
            steps:
              - uses: re-actors/alls-green@release/v1
                with:
                  jobs: ${{ toJSON(needs) }}
        """,
    "publish": """
        on:
          push:
            tags: ['v*.*.*', '!v*-rc*']
        permissions: read-all
        jobs:
          build:
            runs-on: ubuntu-latest
            outputs:
              hash: ${{ steps.hash.outputs.hash }}
            steps:
              - run: echo "hash=$(sha256sum dist/* | base64 -w0)" >> "$GITHUB_OUTPUT"
                id: hash
          upload:
            needs: build
            environment: {name: pypi, url: "https://pypi.org"}
            runs-on: ubuntu-latest
            steps:
              - uses: pypa/gh-action-pypi-publish@release/v1
        """,
}

# A container platform: reusable workflows in three levels, images by matrix and by digest.
PLATFORM = {
    "ci": """
        name: ci
        on:
          merge_group:
          push: {branches: [main, 'release/**'], paths-ignore: ['docs/**']}
          pull_request: {types: [opened, synchronize, labeled]}
        concurrency:
          group: ${{ github.workflow }}-${{ github.event.pull_request.number || github.sha }}
          cancel-in-progress: true
        jobs:
          changes:
            runs-on: ubuntu-latest
            outputs:
              backend: ${{ steps.filter.outputs.backend }}
              list: ${{ steps.filter.outputs.changes }}
            steps:
              - {id: filter, uses: dorny/paths-filter@v3, with: {filters: "backend: src/**"}}
          build:
            needs: changes
            if: needs.changes.outputs.backend == 'true'
            strategy:
              matrix:
                service: ${{ fromJSON(needs.changes.outputs.list) }}
            uses: ./.github/workflows/build.yml
            with: {service: "${{ matrix.service }}", push: "${{ github.event_name == 'push' }}"}
            secrets: inherit
          done:
            if: ${{ !cancelled() && contains(needs.*.result, 'failure') }}
            needs: [changes, build]
            runs-on: ubuntu-latest
            steps: [{run: exit 1}]
        """,
    "build": """
        on:
          workflow_call:
            inputs:
              service: {type: string, required: true}
              push: {type: boolean, default: false}
            outputs:
              digest: {value: "${{ jobs.image.outputs.digest }}"}
        jobs:
          image:
            uses: ./.github/workflows/image.yml
            with: {context: "services/${{ inputs.service }}", push: "${{ inputs.push }}"}
          sbom:
            needs: image
            uses: example/shared/.github/workflows/sbom.yml@v2
        """,
    "image": """
        on: {workflow_call: {inputs: {context: {type: string}, push: {type: boolean}},
             outputs: {digest: {value: "${{ jobs.build.outputs.digest }}"}}}}
        jobs:
          build:
            runs-on: [self-hosted, linux, x64]
            outputs: {digest: "${{ steps.build.outputs.digest }}"}
            steps:
              - uses: docker/metadata-action@v5
                id: meta
                with:
                  tags: |
                    type=sha
                    type=ref,event=branch
              - uses: docker/build-push-action@v6
                id: build
                with: {push: true, tags: "${{ steps.meta.outputs.tags }}"}
              - uses: aquasecurity/trivy-action@master
                continue-on-error: true
        """,
}

# A site that goes to a server by SSH, and an app that Flux applies: no deployctl.
OTHERS = {
    "site": """
        on: {push: {branches: [gh-pages]}, workflow_dispatch: {}, schedule: [{cron: '0 3 * * *'}]}
        jobs:
          deploy:
            runs-on: ubuntu-latest
            env: {IMAGE_TAG: latest}
            steps:
              - run: |
                  ssh -o StrictHostKeyChecking=no deploy@example.org <<'END'
                  cd /srv && docker compose pull && docker compose up -d
                  END
              - uses: appleboy/ssh-action@v1
        """,
    "flux": """
        on: {workflow_run: {workflows: [site], types: [completed]}}
        jobs:
          bump:
            if: github.event.workflow_run.conclusion == 'success'
            runs-on: ubuntu-latest
            steps:
              - run: |
                  yq -i '.image.tag = strenv(TAG)' apps/web.yaml
                  git commit -am bump && git push
                env: {TAG: "sha-${{ github.sha }}"}
        """,
}

# An anchor for steps that two jobs share, one that is overridden, and `on` in quotes.
ANCHORS = {
    "ci": """
        "on": push
        env: &env {A: "1"}
        jobs:
          one:
            runs-on: ubuntu-latest
            env: *env
            steps: &steps
              - uses: actions/checkout@v4
              - run: make
          two: {runs-on: ubuntu-latest, needs: one, steps: *steps}
        """,
}


@pytest.mark.parametrize(
    "files", [FRAMEWORK, PLATFORM, OTHERS, ANCHORS], ids=["framework", "platform", "ssh", "anchors"]
)
def test_where_nothing_is_deployed_with_deployctl_nothing_is_found(
    tmp_path: Path, files: dict[str, str]
) -> None:
    report = lint(repository(tmp_path, **files), "main")

    assert report.findings == ()
    assert report.deploys == 0
    assert len(report.files) == len(files)


# ---------------------------------------------------------------- with a deploy

SECREL = """
    on:
      workflow_call:
        inputs: {service: {type: string, required: true}}
        outputs:
          tag: {value: "${{ jobs.image.outputs.tag }}"}
    jobs:
      image:
        runs-on: ubuntu-latest
        outputs: {tag: "${{ steps.tag.outputs.tag }}"}
        steps:
          - id: tag
            run: |
              short=${GITHUB_SHA::7}
              {
                echo "short=$short"
                echo "tag=sha-$short"
              } >> "$GITHUB_OUTPUT"
          - run: |
              docker build -t "app:$TAG" "services/${{ inputs.service }}"
              trivy image --exit-code 1 --severity HIGH "app:$TAG"
              docker push "app:$TAG"
            env: {TAG: "${{ steps.tag.outputs.tag }}"}
    """

# A monorepo: only what changed is built, two services, one reusable workflow for both.
MONOREPO = {
    "ci": """
        on: {push: {branches: [main]}, pull_request: {}}
        jobs:
          changes:
            runs-on: ubuntu-latest
            outputs: {api: "${{ steps.f.outputs.api }}", web: "${{ steps.f.outputs.web }}"}
            steps: [{id: f, uses: dorny/paths-filter@v3}]
          unit-tests:
            needs: changes
            strategy: {matrix: {package: [api, web]}}
            runs-on: ubuntu-latest
            steps: [{run: "npm run test:ci -w ${{ matrix.package }}"}]
          api-image:
            needs: [changes, unit-tests]
            if: needs.changes.outputs.api == 'true' && github.event_name == 'push'
            uses: ./.github/workflows/secrel.yml
            with: {service: api}
          web-image:
            needs: [changes, unit-tests]
            if: needs.changes.outputs.web == 'true' && github.event_name == 'push'
            uses: ./.github/workflows/secrel.yml
            with: {service: web}
          api:
            needs: api-image
            if: github.ref == 'refs/heads/main'
            uses: ./.github/workflows/deploy.yml
            with: {service: api, tag: "${{ needs.api-image.outputs.tag }}"}
            secrets: inherit
          web:
            needs: web-image
            if: github.ref == 'refs/heads/main'
            uses: ./.github/workflows/deploy.yml
            with: {service: web, tag: "${{ needs.web-image.outputs.tag }}"}
            secrets: inherit
          report:
            if: always()
            needs: [api, web]
            runs-on: ubuntu-latest
            steps: [{run: "echo ${{ join(needs.*.result) }}"}]
        """,
    "secrel": SECREL,
    "deploy": """
        on: {workflow_call: {inputs: {service: {type: string}, tag: {type: string}}}}
        jobs:
          run:
            runs-on: ubuntu-latest
            env: {IMAGE_TAG: "${{ inputs.tag }}"}
            steps:
              - run: pipx install deployctl && deployctl deploy "$SERVICE" "$IMAGE_TAG" --wait 5m
                env: {SERVICE: "${{ inputs.service }}", VPS_HOST: "${{ secrets.VPS_HOST }}"}
        """,
}

# All in one job, for a small project: the order of the steps is the chain.
ONE_JOB = {
    "deploy": """
        on: {push: {branches: [main]}}
        env: {IMAGE: ghcr.io/example/app}
        jobs:
          all:
            runs-on: ubuntu-latest
            steps:
              - uses: actions/checkout@v4
              - run: go test ./...
              - {id: set-tag, run: 'echo "tag=sha-${GITHUB_SHA:0:7}" >> $GITHUB_OUTPUT'}
              - run: docker build -t "$IMAGE:${{ steps.set-tag.outputs.tag }}" .
              - uses: anchore/scan-action@v6
                with: {image: "${{ env.IMAGE }}:${{ steps.set-tag.outputs.tag }}"}
              - {id: push, run: 'docker push "$IMAGE:${{ steps.set-tag.outputs.tag }}"'}
              - uses: example/deployctl@v1
                with: {service: app, tag: "${{ steps.set-tag.outputs.tag }}"}
        """,
}

# metadata-action makes the tag; the image is built, scanned and pushed in jobs of their own.
METADATA = {
    "release": """
        on: {push: {branches: [main]}, workflow_dispatch: {}}
        jobs:
          test:
            runs-on: ubuntu-latest
            steps: [{run: cargo nextest run}]
          meta:
            needs: test
            runs-on: ubuntu-latest
            outputs: {version: "${{ steps.meta.outputs.version }}"}
            steps: [{id: meta, uses: docker/metadata-action@v5, with: {tags: type=sha}}]
          scan:
            needs: meta
            runs-on: ubuntu-latest
            steps:
              - run: docker run --rm aquasec/trivy:0.58.0 image --exit-code 1 app
          push:
            needs: [meta, scan]
            runs-on: ubuntu-latest
            steps: [{run: docker push app}]
          deploy:
            needs: [meta, push]
            if: ${{ github.ref == 'refs/heads/main' && github.event_name != 'pull_request' }}
            runs-on: ubuntu-latest
            steps:
              - uses: example/deployctl@v1
                with: {service: app, tag: "${{ needs.meta.outputs.version }}"}
        """,
}


@pytest.mark.parametrize(
    ("files", "deploys"),
    [(MONOREPO, 1), (ONE_JOB, 1), (METADATA, 1)],
    ids=["monorepo", "one job", "metadata"],
)
def test_other_ways_to_build_a_right_chain_are_right(
    tmp_path: Path, files: dict[str, str], deploys: int
) -> None:
    report = lint(repository(tmp_path, **files), "main")

    assert report.findings == ()
    assert report.deploys == deploys


@pytest.mark.parametrize(
    ("files", "old", "new", "rule"),
    [
        (MONOREPO, "api-image.outputs.tag", "web-image.outputs.tag", "link-broken"),
        (MONOREPO, "needs: [changes, unit-tests]", "needs: [changes]", "test-missing"),
        (MONOREPO, "branches: [main]", "branches: [main, next]", ""),
        (ONE_JOB, "branches: [main]", "branches: [main, next]", "not-main-only"),
        (ONE_JOB, "{push: {branches: [main]}}", "push", "not-main-only"),
        (ONE_JOB, "go test ./...", "go vet ./...", "test-missing"),
        (ONE_JOB, "          all:\n", "          all:\n            if: always()\n", ""),
        (
            ONE_JOB,
            "with: {service: app",
            "if: always()\n                with: {service: app",
            "failure-passed",
        ),
        (METADATA, "tags: type=sha", "tags: 'type=ref,event=branch'", "tag-mutable"),
        (METADATA, "needs: [meta, scan]", "needs: [meta]", "scan-missing"),
    ],
)
def test_and_they_can_be_broken(
    tmp_path: Path, files: dict[str, str], old: str, new: str, rule: str
) -> None:
    texts = {name: text.replace(old, new) for name, text in files.items()}
    assert texts != files

    found = rules(repository(tmp_path, **texts))

    assert set(found) == ({rule} if rule else set())


def test_a_reusable_deploy_that_nobody_here_calls_is_judged_by_what_can_be_seen(
    tmp_path: Path,
) -> None:
    assert rules(repository(tmp_path, deploy=MONOREPO["deploy"])) == ["not-main-only"]


def test_a_workflow_run_deploys_whatever_the_other_run_was_for(tmp_path: Path) -> None:
    text = ONE_JOB["deploy"].replace(
        "{push: {branches: [main]}}", "{workflow_run: {workflows: [ci], branches: [main]}}"
    )

    assert rules(repository(tmp_path, deploy=text)) == ["not-main-only"]

    guard = "github.event.workflow_run.event == 'push'"
    guarded = text.replace("          all:\n", f"          all:\n            if: {guard}\n")
    assert rules(repository(tmp_path, deploy=guarded)) == []
