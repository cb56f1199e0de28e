"""The branch that deploys come from."""

from __future__ import annotations

from collections.abc import Iterator

from deployctl.lint.chain import Chain
from deployctl.lint.rules.rule import Breach, rule
from deployctl.lint.runs.events import other_events
from deployctl.lint.runs.simulation import conditions_of, may_run


@rule(
    "not-main-only",
    title="A deploy runs for main only, on every branch of its condition",
    why="Other branches have not been reviewed, and their code may be untested.",
)
def _not_main_only(chain: Chain) -> Iterator[Breach]:
    for each in chain.deploys:
        conditions = [condition.expression for condition in conditions_of(each.position)]
        events = other_events(each.job_run.root, chain.branch, conditions)
        scenario = next((one for one in events if may_run(each.position, one)), None)
        if scenario:
            condition = each.position.step.condition or each.job_run.job.condition
            yield Breach(
                condition.place if condition else each.job_run.job.place,
                f"the deploy of {each.service} also runs for {scenario}",
                f"if: github.ref == 'refs/heads/{chain.branch}'",
            )


RULES = (_not_main_only,)
