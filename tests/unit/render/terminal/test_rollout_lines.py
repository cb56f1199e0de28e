"""How a deploy or rollback went: a line for each host, and what belongs to it."""

from __future__ import annotations

import pytest

from deployctl.errors import GateResult
from deployctl.release.release import Action
from deployctl.release.results import HostOutcome, RolloutResult
from tests.unit.render.samples import BACK, NEW, OLD, RESTORED, of_runs, run
from tests.unit.render.terminal.shown import lines_of, rolled_out

DONE = "vps: enforcer-backend runs sha-1a2b3c4 (was sha-0f9e8d7), healthy, 4.2 s"
WELL = GateResult("tag", True, "is a commit tag")


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        pytest.param(of_runs(run()), [DONE], id="deploy"),
        pytest.param(
            of_runs(run(previous=None, health_checked=False)),
            [
                (
                    "vps: enforcer-backend runs sha-1a2b3c4 (nothing ran before), "
                    "up (it has no health check), 4.2 s"
                )
            ],
            id="first deploy",
        ),
        pytest.param(
            of_runs(run(previous=NEW)),
            ["vps: enforcer-backend runs sha-1a2b3c4 anew, healthy, 4.2 s"],
            id="the same tag",
        ),
        pytest.param(
            of_runs(run(outcome="unchanged")),
            ["vps: enforcer-backend already runs sha-1a2b3c4, healthy: nothing to do"],
            id="nothing to do",
        ),
        pytest.param(
            of_runs(run(action=Action.ROLLBACK, release=OLD, previous=NEW, target=BACK)),
            [
                "vps: enforcer-backend runs sha-0f9e8d7 again (was sha-1a2b3c4), healthy, 4.2 s",
                "  sha-0f9e8d7 was deployed 2 d ago by kim",
            ],
            id="rollback",
        ),
        pytest.param(
            of_runs(
                run(
                    outcome="planned",
                    gate_results=(WELL, GateResult("source", False, "a branch")),
                    commands=("cd '/opt/in fra'", "docker compose \\\n  up -d"),
                    notes=("the compose files differ",),
                )
            ),
            [
                (
                    "vps: enforcer-backend would run sha-1a2b3c4 (now sha-0f9e8d7); "
                    "dry run: nothing was changed"
                ),
                "  ✓ tag     is a commit tag",
                "  ✗ source  a branch",
                "  $ cd '/opt/in fra'",
                "  $ docker compose \\",
                "  >   up -d",
                "  note: the compose files differ",
            ],
            id="dry run",
        ),
        pytest.param(
            of_runs(run(gate_results=(WELL, GateResult("dependencies", False, "db is ill")))),
            [DONE, "  ✗ dependencies  db is ill"],
            id="of a real run, only what did not pass",
        ),
        pytest.param(
            of_runs(run(), HostOutcome("vps2", error=RESTORED), not_attempted=("vps3",)),
            [
                DONE,
                "vps2: failed (restored): sha-0f9e8d7 is back and healthy",
                "vps3: not attempted",
            ],
            id="a failure among several hosts",
        ),
        pytest.param(
            of_runs(HostOutcome("vps", error=RESTORED)), [], id="a single failure: see its error"
        ),
    ],
)
def test_a_rollout_reads_like_this(result: RolloutResult, lines: list[str]) -> None:
    assert lines_of(rolled_out(result)) == lines
