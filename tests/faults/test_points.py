"""No step is forgotten: what the host scripts change is stopped at some point."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import settle
from tests.faults.gate import Gate
from tests.faults.points import ASKING, JOBS, KEEP, POINTS, Job, Point
from tests.faults.scene import keep_tag_for_one_service
from tests.vps.world import Vps


@pytest.mark.thorough
@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_each_call_that_changes_something_is_a_point(vps: Vps, tmp_path: Path, job: Job) -> None:
    vps.reset()
    client = Client(tmp_path)
    settings = f"keep = {KEEP}\n"
    if job.keeps_tag:
        settings += "persist = true\n"
        keep_tag_for_one_service(vps)
    client.write_inventory({"vps": vps}, service=settings)
    for tag in job.past:
        assert client.run("deploy", SERVICE, tag).exit_status == 0
    settle(vps)
    gate = Gate(vps)
    gate.install()

    client.run(*job.command)
    settle(vps)

    calls = gate.calls()
    asking = [Point("", job, "before", pattern) for pattern in ASKING]
    changing = [call for call in calls if not any(point.stands_at(call) for point in asking)]
    assert changing
    without = [call for call in changing if not any(p.stands_at(call) for p in POINTS)]
    assert not without, "no point:\n" + "\n".join(without)
    for point in POINTS:
        if point.job is job:
            assert sum(map(point.stands_at, calls)) >= point.nth, f"never met: {point}"
