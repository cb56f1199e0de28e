"""A step of a workflow to render into, and what failed in it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from deployctl.errors import RestoredError
from deployctl.release.results import HostOutcome, RolloutResult
from deployctl.render.output import Output
from tests.unit.render.samples import NEW, OLD, of_runs
from tests.workflow_runner import Command, commands, file_values

RUN = "20251123t115652z-9f3c1a07"
FAILED = RestoredError(
    "restored",
    "deploy of enforcer-backend sha-1a2b3c4 on vps failed: it did not get healthy in time",
    state="sha-0f9e8d7 is back and healthy",
    hint="deployctl status enforcer-backend",
    details=("starting", "panic: DATABASE_URL is not set"),
    about={"run": RUN, "tag": NEW.tag, "digest": NEW.digest, "previous-tag": OLD.tag},
)


class Step:
    """A workflow's step: its files, and what it said."""

    def __init__(self, directory: Path, **changes: str) -> None:
        self.output = directory / "output"
        self.summary = directory / "summary"
        self.environment = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            **changes,
        }
        self.out, self.err = io.StringIO(), io.StringIO()

    def render(self, *, json: bool = False, github: bool = True) -> Output:
        return Output(self.environment, json=json, github=github, out=self.out, err=self.err)

    @property
    def outputs(self) -> dict[str, str]:
        return file_values(self.output.read_text("utf-8"))

    @property
    def commands(self) -> list[Command]:
        return [*commands(self.out.getvalue()), *commands(self.err.getvalue())]


def failed(error: Any) -> RolloutResult:
    return of_runs(HostOutcome("vps", error=error))
