"""How a deploy or rollback went."""

from __future__ import annotations

from deployctl.model import Action, HostOutcome
from deployctl.verdict import Verdict
from tests.unit.render.samples import BACK, NEW, OLD, RESTORED, of_runs, run
from tests.unit.render.terminal.shown import lines_of, rolled_out


def test_a_deploy_is_summed_up_in_one_line() -> None:
    assert rolled_out(of_runs(run())) == (
        "vps: enforcer-backend runs sha-1a2b3c4 (was sha-0f9e8d7), healthy, 4.2 s\n"
    )


def test_a_first_deploy_says_that_nothing_ran_before() -> None:
    text = rolled_out(of_runs(run(previous=None)))
    assert "runs sha-1a2b3c4 (nothing ran before), healthy" in text


def test_an_unchanged_host_says_that_there_is_nothing_to_do() -> None:
    assert rolled_out(of_runs(run(outcome="unchanged"))) == (
        "vps: enforcer-backend already runs sha-1a2b3c4, healthy: nothing to do\n"
    )


def test_a_rollback_says_who_deployed_its_target() -> None:
    back = run(action=Action.ROLLBACK, release=OLD, previous=NEW, target=BACK)
    assert lines_of(rolled_out(of_runs(back))) == [
        "vps: enforcer-backend runs sha-0f9e8d7 again (was sha-1a2b3c4), healthy, 4.2 s",
        "  sha-0f9e8d7 was deployed 2 d ago by kim",
    ]


def test_a_dry_run_shows_verdicts_and_the_exact_commands() -> None:
    planned = run(
        outcome="planned",
        verdicts=(Verdict("tag", True, "is a commit tag"), Verdict("source", False, "a branch")),
        commands=("cd '/opt/in fra'", "docker compose \\\n  up -d"),
        notes=("the compose files differ",),
    )
    assert lines_of(rolled_out(of_runs(planned))) == [
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
    ]


def test_of_a_real_run_only_the_verdicts_that_did_not_pass_are_shown() -> None:
    done = run(verdicts=(Verdict("tag", True, "well"), Verdict("dependencies", False, "db is ill")))
    assert lines_of(rolled_out(of_runs(done)))[1:] == ["  ✗ dependencies  db is ill"]


def test_a_failure_among_several_hosts_names_those_done_and_not_attempted() -> None:
    result = of_runs(run(), HostOutcome("vps2", error=RESTORED), not_attempted=("vps3",))
    assert lines_of(rolled_out(result)) == [
        "vps: enforcer-backend runs sha-1a2b3c4 (was sha-0f9e8d7), healthy, 4.2 s",
        "vps2: failed (restored): sha-0f9e8d7 is back and healthy",
        "vps3: not attempted",
    ]


def test_the_failure_of_a_single_host_is_left_to_its_error() -> None:
    assert rolled_out(of_runs(HostOutcome("vps", error=RESTORED))) == ""
