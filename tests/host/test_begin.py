"""What a transaction makes sure of before it changes anything, and what it waits for."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator

import pytest

from deployctl.compose import ending
from deployctl.compose.host.transact import begin_command, follow_command, waiting_for
from deployctl.compose.plan import Plan
from deployctl.errors import (
    BusyError,
    HostError,
)
from deployctl.release.results import State
from tests.host.fake_host import (
    AS_ANYBODY,
    FakeHost,
    LocalSession,
    locked,
    one_shell,
)
from tests.host.test_abort import hanging
from tests.unit.build import tag

# ---------------------------------------------------------------- what is checked under the lock


def changed(host: FakeHost, plan: Plan) -> str:
    """Begin a run that must find the host changed; return what it says was."""
    before = host.containers()
    run = host.events_of(begin_command(plan))
    assert run.end == "changed"
    assert not run.begun
    assert host.containers() == before
    return run.what


@one_shell
def test_a_run_that_was_recorded_meanwhile_stops_this_one(ready: FakeHost) -> None:
    plan = ready.plan(3)

    assert (
        changed(ready, dataclasses.replace(plan, seen_history=plan.seen_history - 1)) == "history"
    )


@one_shell
def test_a_container_that_was_changed_meanwhile_stops_the_run(ready: FakeHost) -> None:
    plan = ready.plan(3)
    path = ready.fake / "containers" / ready.containers()[0]["id"]
    path.write_text(path.read_text().replace("running", "exited"))

    assert changed(ready, plan) == "containers"


@one_shell
def test_compose_files_that_were_changed_meanwhile_stop_the_run(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.configure(environment={"DEBUG": "1"})

    assert changed(ready, plan) == "files"


@one_shell
def test_compose_files_that_were_broken_meanwhile_stop_the_run(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.write("compose.broken", "")

    assert changed(ready, plan) == "files"


@one_shell
def test_a_hold_that_was_set_meanwhile_stops_a_deploy(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.set_hold('{"by":"kim","reason":"audit"}')

    assert changed(ready, plan) == "hold"


def test_a_hold_does_not_stop_a_rollback(host: FakeHost) -> None:
    host.set_hold('{"by":"kim","reason":"audit"}')

    host.rollback()

    assert host.serves() == 1


# ---------------------------------------------------------------- claims


def test_a_run_that_was_cancelled_never_begins(ready: FakeHost) -> None:
    plan = ready.plan(3)
    cancel = follow_command(str(ready.state), plan.run, cancel=True)

    assert ready.events_of(cancel).end == "cancelled"
    assert ready.events_of(begin_command(plan)).end == "cancelled"
    assert ready.serves() == 2
    assert ready.events()[-1] == "succeeded 2"


def test_a_run_is_cancelled_before_the_host_has_any_file_of_deployctl(empty: FakeHost) -> None:
    empty.fetch(1)
    plan = empty.plan(1)
    cancel = follow_command(str(empty.state), plan.run, cancel=True)

    assert empty.events_of(cancel).end == "cancelled"
    assert empty.events_of(begin_command(plan)).end == "cancelled"
    assert empty.containers() == []


def test_a_run_that_began_cannot_be_cancelled(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.run(plan)
    cancel = follow_command(str(ready.state), plan.run, cancel=True)

    run = ready.events_of(cancel)

    assert run.end == "outcome"
    assert ending.success_entry(
        run, ending.Asked.by(plan, ready.connection().host)
    ).release.tag == tag(3)


@one_shell
def test_a_run_is_begun_once_only(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.run(plan)

    assert ready.events_of(begin_command(plan)).end == "cancelled"


@one_shell
def test_a_run_that_is_not_known_is_said_to_be(host: FakeHost) -> None:
    with pytest.raises(HostError) as caught:
        host.follow("20251123t120000z-00000000")

    assert caught.value.code == "unknown-run"


@one_shell
def test_a_host_without_any_file_of_deployctl_knows_no_run(empty: FakeHost) -> None:
    with pytest.raises(HostError) as caught:
        empty.follow("20251123t120000z-00000000")

    assert caught.value.code == "unknown-run"
    assert not empty.state.exists()


# ---------------------------------------------------------------- the lock


@pytest.fixture
def held(ready: FakeHost) -> Iterator[FakeHost]:
    """Another run holds the lock."""
    with locked(ready):
        note_holder(ready)
        yield ready


def note_holder(host: FakeHost) -> None:
    """Write into the lock what the run that holds it writes."""
    note = {"run": "20251123t110000z-aaaaaaaa", "by": "sam", "action": "deploy", "tag": tag(5)}
    (host.state / "lock").write_text(json.dumps(note, separators=(",", ":")) + "\n")


@one_shell
def test_a_second_run_is_told_who_holds_the_host(held: FakeHost) -> None:
    with pytest.raises(BusyError, match="by sam"):
        held.deploy(3)

    assert held.serves() == 2


def test_the_lock_has_the_last_word_when_the_probe_saw_nobody(ready: FakeHost) -> None:
    plan = ready.plan(3)
    with locked(ready):
        # The note in the file is of a run that is over: this one has not written its own yet.
        (ready.state / "lock").write_text("")
        run = ready.events_of(begin_command(plan))

    assert run.end == "busy"
    assert ready.serves() == 2


@one_shell
@pytest.mark.slow
def test_a_run_that_only_tidies_up_is_waited_for(ready: FakeHost) -> None:
    note = json.loads((ready.state / "lock").read_text())
    assert (ready.state / "runs" / note["run"] / "outcome").exists()

    with locked(ready, until="sleep 1.5"):
        assert ready.status() is State.IN_SYNC
        assert ready.deploy(3).outcome == "succeeded"


@one_shell
def test_a_probe_that_looks_at_the_lock_does_not_make_the_host_busy(ready: FakeHost) -> None:
    plan = ready.plan(3)
    with locked(ready, "-s", until="sleep 0.2", program=AS_ANYBODY):
        ready.run(plan)

    assert ready.serves() == 3


def test_a_client_that_waits_and_answers_gets_its_turn(ready: FakeHost) -> None:
    plan = ready.plan(3, wait=20.0)
    answers = []

    with locked(ready) as holder:
        note_holder(ready)

        def answer(line: bytes) -> bytes | None:
            if not waiting_for(line):
                return None
            answers.append(line)
            if len(answers) == 2:
                assert holder.stdin
                holder.stdin.close()
            return b"still here\n"

        LocalSession(ready).run(begin_command(plan), timeout=30, on_line=answer)

    assert len(answers) >= 2
    assert ready.serves() == 3


@pytest.mark.parametrize("answer", ["closes its input", "goes away"])
def test_a_client_that_waits_and_does_not_answer_deploys_nothing(
    held: FakeHost, answer: str
) -> None:
    plan = held.plan(3, wait=20.0)
    with LocalSession(held).started(begin_command(plan)) as process:
        assert process.stdin
        assert process.stdout
        assert b"waiting" in process.stdout.readline()
        process.stdin.close()
        if answer == "goes away":
            process.stdout.close()
        process.wait(timeout=60)

    assert not (held.state / "runs" / plan.run).exists()
    assert held.serves() == 2


@one_shell
@pytest.mark.slow
def test_a_client_that_waits_in_vain_is_told_who_holds_the_host(held: FakeHost) -> None:
    plan = held.plan(3, wait=1.0)

    run = held.events_of(begin_command(plan))

    assert run.end == "busy"
    assert run.holder().by == "sam"


@one_shell
def test_a_state_directory_that_was_a_link_still_keeps_others_out_when_that_is_gone(
    ready: FakeHost,
) -> None:
    elsewhere = ready.root / "elsewhere"
    ready.state.rename(elsewhere)
    ready.state.symlink_to("../elsewhere")
    with hanging(ready, " up "):
        ready.state.unlink()

        with pytest.raises(BusyError):
            ready.deploy(4)

        (ready.fake / "never").write_text("")  # what hung goes on


@one_shell
def test_two_deploys_at_once_leave_one_winner(ready: FakeHost) -> None:
    ready.fetch(4)
    plans = [ready.plan(3), ready.plan(4)]
    ends = []

    def begin(plan: Plan) -> None:
        ends.append(ready.events_of(begin_command(plan)).end)

    threads = [threading.Thread(target=begin, args=[plan]) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ends) in [["busy", "outcome"], ["changed", "outcome"]]
    assert len(ready.events()) == 6
