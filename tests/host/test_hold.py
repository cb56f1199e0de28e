"""Setting and lifting a hold on a host, with the real script."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deployctl.compose import ending
from deployctl.compose import hold as verb
from deployctl.compose.host.hold import hold_command
from deployctl.compose.host.transact import begin_command
from deployctl.errors import BusyError, HostError
from deployctl.events import Event
from deployctl.release.hold import HoldOutcome, HoldResult
from deployctl.release.origin import Origin
from tests.host.fake_host import WEB, FakeHost, LocalSession, locked

KIM, SAM = Origin("kim", "terminal"), Origin("sam", "terminal")
HOSTILE = '\'; touch x; echo "$(id)" `id` % %s \\n ä 日本 {}'


def ignore(_: Event) -> None:
    pass


def hold(host: FakeHost, reason: str = "audit", origin: Origin = KIM) -> HoldResult:
    with host.connection() as connection:
        return verb.hold(connection, host.service, reason, origin, ignore)


def unhold(host: FakeHost) -> HoldResult:
    with host.connection() as connection:
        return verb.unhold(connection, host.service, ignore)


def hold_file(host: FakeHost) -> Path:
    return host.state / "holds" / WEB


def test_a_hold_says_who_when_by_the_hosts_clock_and_why(host: FakeHost) -> None:
    result = hold(host)

    written = json.loads(hold_file(host).read_text())
    assert (written["by"], written["reason"]) == ("kim", "audit")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", written["at"])
    assert result.outcome is HoldOutcome.SET
    assert result.hold == host.probe(change=False).hold
    assert [path.name for path in hold_file(host).parent.iterdir()] == [WEB]


def test_a_hold_can_be_set_where_nothing_was_deployed_yet(empty: FakeHost) -> None:
    assert hold(empty).outcome is HoldOutcome.SET
    with pytest.raises(BusyError, match=r"held by kim since .*: audit"):
        empty.deploy(1)


def test_any_reason_arrives_as_it_was_given(host: FakeHost) -> None:
    hold(host, HOSTILE)

    found = host.probe(change=False).hold
    assert found
    assert found.reason == HOSTILE


def test_a_deploy_is_refused_and_a_rollback_is_not(host: FakeHost) -> None:
    hold(host)

    with pytest.raises(BusyError, match=r"held by kim since .*: audit") as refused:
        host.deploy(3)
    assert refused.value.code == "hold"
    host.rollback()
    assert host.serves() == 1


def test_a_hold_that_is_set_after_the_decision_stops_the_run_and_is_named(host: FakeHost) -> None:
    plan = host.plan(3)
    hold(host)

    run = host.events_of(begin_command(plan))
    with pytest.raises(BusyError, match=r"held by kim since .*: audit") as refused:
        ending.success_entry(run, ending.Asked.by(plan, host.connection().host))
    assert refused.value.code == "hold"
    assert host.serves() == 2


def test_a_hold_on_one_service_is_none_on_another(host: FakeHost) -> None:
    hold(host)
    host.service = type(host.service)(**{**vars(host.service), "name": "other"})

    assert host.probe(change=False).hold is None


def test_unhold_lets_deploys_go_on_and_says_what_was_lifted(host: FakeHost) -> None:
    hold(host)

    result = unhold(host)

    assert result.outcome is HoldOutcome.LIFTED
    assert result.before
    assert result.before.reason == "audit"
    host.deploy(3)


def test_unhold_without_a_hold_does_nothing_and_says_so(host: FakeHost, empty: FakeHost) -> None:
    assert unhold(host).outcome is HoldOutcome.NONE
    assert unhold(empty).outcome is HoldOutcome.NONE
    assert not empty.state.exists()


def test_somebody_elses_hold_is_not_replaced(host: FakeHost) -> None:
    hold(host, "audit", KIM)
    before = hold_file(host).read_bytes()

    with pytest.raises(BusyError, match=r"are already held by kim since .*: audit$") as refused:
        hold(host, "migration", SAM)

    assert refused.value.code == "already-held"
    assert hold_file(host).read_bytes() == before


def test_ones_own_hold_is_replaced_and_what_it_said_is_told(host: FakeHost) -> None:
    hold(host, "audit")

    result = hold(host, "audit, and a migration")

    assert result.outcome is HoldOutcome.REPLACED
    assert result.before
    assert result.before.reason == "audit"
    assert result.hold
    assert result.hold.reason == "audit, and a migration"


def test_the_same_hold_again_changes_nothing(host: FakeHost) -> None:
    hold(host)
    before = hold_file(host).read_bytes()

    assert hold(host).outcome is HoldOutcome.UNCHANGED
    assert hold_file(host).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"\n", b"garbage", b"\0\xff", b"[]", b'{"by":1}'])
def test_a_hold_that_cannot_be_read_is_one_and_can_be_lifted(
    host: FakeHost, content: bytes
) -> None:
    host.set_hold("")
    hold_file(host).write_bytes(content)

    with pytest.raises(BusyError) as refused:
        host.deploy(3)
    assert refused.value.code == "hold"
    with pytest.raises(BusyError):
        hold(host)
    assert unhold(host).outcome is HoldOutcome.LIFTED
    host.deploy(3)


def test_a_link_to_nowhere_is_a_hold_and_can_be_lifted(host: FakeHost) -> None:
    host.set_hold("")
    hold_file(host).unlink()
    hold_file(host).symlink_to("nowhere")

    with pytest.raises(BusyError):
        host.deploy(3)
    assert unhold(host).outcome is HoldOutcome.LIFTED


def test_a_hold_during_a_run_is_set_at_once_and_names_the_run(host: FakeHost) -> None:
    with locked(host):
        note = '{"run":"r","by":"sam","action":"deploy","service":"web","tag":"t","since":"now"}\n'
        (host.state / "lock").write_text(note)
        result = hold(host)

    assert result.outcome is HoldOutcome.SET
    assert result.busy == "deploy of web t by sam, since now"


def test_what_a_killed_one_left_behind_is_removed(host: FakeHost) -> None:
    host.break_at("hold", 1, "kill-all")
    hold_cut_off(host)
    assert [path.name for path in hold_file(host).parent.iterdir()] != []
    host.mend()

    assert hold(host).outcome is HoldOutcome.SET
    assert [path.name for path in hold_file(host).parent.iterdir()] == [WEB]


def hold_cut_off(host: FakeHost) -> None:
    """Set a hold in a process that is killed before the new file has its name."""
    command = hold_command(host.service, KIM, "audit")
    assert not LocalSession(host).run(command, timeout=10).ok
    assert not hold_file(host).exists()


def test_a_hold_that_cannot_be_written_is_an_error_and_leaves_nothing(host: FakeHost) -> None:
    host.break_at("hold", 1, "fail", last=99)

    with pytest.raises(HostError) as failed:
        hold(host)

    assert failed.value.code == "hold-unwritable"
    assert list(hold_file(host).parent.iterdir()) == []


def test_a_hold_that_cannot_be_removed_is_an_error(host: FakeHost) -> None:
    host.set_hold("")
    hold_file(host).unlink()
    hold_file(host).mkdir()

    with pytest.raises(HostError) as failed:
        unhold(host)

    assert failed.value.code == "hold-unwritable"
    assert "still held" in failed.value.state
