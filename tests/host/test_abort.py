"""Aborting a run that hangs: the old release is back, and who deployed hears why."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from pathlib import Path

import pytest

from deployctl.compose import run
from deployctl.compose.abort import abort, abort_result
from deployctl.compose.ending import Asked
from deployctl.compose.host import script
from deployctl.compose.host.transact import RunEvents, abort_command, begin_command
from deployctl.compose.plan import Plan
from deployctl.errors import BrokenError, BusyError, DeployctlError, RefusedError, RestoredError
from deployctl.release.abort import AbortOutcome, AbortResult
from deployctl.release.origin import Origin
from tests.host.fake_host import AS_ANYBODY, FakeHost, LocalSession, locked, one_shell
from tests.host.test_guard import call_number, wait_until_nobody_works
from tests.unit.build import image_id, tag

PATIENCE = 60  # seconds


@dataclass
class Client:
    """Whoever deploys, in a thread of their own."""

    host: FakeHost
    plan: Plan
    error: DeployctlError | None = None
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        """Begin."""
        self.thread = threading.Thread(target=self._deploy)
        self.thread.start()

    def _deploy(self) -> None:
        try:
            self.host.run(self.plan)
        except DeployctlError as error:
            self.error = error

    def ended(self) -> DeployctlError | None:
        """Wait for the end."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return self.error


def wait_until(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def events_of(host: FakeHost, plan: Plan) -> str:
    """What a run has said so far."""
    events = host.state / "runs" / plan.run / "events"
    return events.read_text() if events.exists() else ""


def shell_of(name: str) -> int:
    """The shell that was started under this name. What it forks has the name, too, for a while."""
    found = []
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            process = int(words.parent.name)
            is_named = words.read_bytes().split(b"\0")[3:4] == [name.encode()]
            if is_named and os.getsid(process) == process:
                found.append(process)
    (shell,) = found
    return shell


IMPATIENT = ("abort_patience=1500", "abort_patience=50")
WAIT_UNGUARDED = """    guardian=none
    until [ -e "$run_directory/abort" ]; do sleep 0.02; done
"""
UNGUARDED = ('    start_guardian "$@"\n', WAIT_UNGUARDED)
HEEDS_NO_ABORT = ("    heeds_abort=yes\n", "")


def change_script(monkeypatch: pytest.MonkeyPatch, *changes: tuple[str, str]) -> None:
    text = script.script_text

    def changed(name: str) -> str:
        found = text(name)
        for old, new in changes:
            assert name != "transact.sh" or old in found
            found = found.replace(old, new)
        return found

    monkeypatch.setattr(script, "script_text", changed)


def hangs(host: FakeHost) -> Callable[[], bool]:
    """Whether a call has met its fault: it makes the file that it waits at."""
    return (host.fake / "never").exists


@contextlib.contextmanager
def hanging(host: FakeHost, words: str) -> Iterator[Client]:
    """A deploy of release 3 hangs at the call that has these words in it."""
    plan = host.plan(3)
    host.break_at("transact", call_number(host, words), "hang")
    client = Client(host, plan)
    wait_until(hangs(host))
    host.mend()
    yield client
    client.ended()
    wait_until_nobody_works(host)


@pytest.mark.parametrize(
    "flavour", ["dash", pytest.param("busybox", marks=pytest.mark.slow)], indirect=True
)
@pytest.mark.parametrize("words", ["docker tag", " up "])
def test_the_old_release_is_back_and_who_aborted_is_recorded(ready: FakeHost, words: str) -> None:
    with hanging(ready, words) as client:
        result = ready.abort()
        error = client.ended()

    assert (result.outcome, result.serves) == (AbortOutcome.ABORTED, tag(2))
    assert result.run
    assert (result.run.run, result.run.tag, result.run.by) == (client.plan.run, tag(3), "kim")
    assert isinstance(error, RestoredError)
    assert "lee aborted it" in error.message
    line = ready.lines()[-1]
    assert (line["event"], line["reason"], line["aborted_by"]) == ("restored", "aborted", "lee")
    assert ready.serves() == 2


def test_a_wait_for_health_is_ended(ready: FakeHost) -> None:
    ready.push(3, "never")
    ready.service = replace(ready.service, health_timeout=60)
    client = Client(ready, ready.plan(3))
    wait_until(lambda: '"health"' in events_of(ready, client.plan))

    result = ready.abort()

    assert isinstance(client.ended(), RestoredError)
    assert (result.outcome, ready.serves()) == (AbortOutcome.ABORTED, 2)


@one_shell
def test_one_that_docker_keeps_waiting_is_aborted_when_docker_is_back(ready: FakeHost) -> None:
    ready.break_at("transact", call_number(ready, "docker tag"), "docker-dead", last=9999)
    client = Client(ready, ready.plan(3))
    wait_until(lambda: '"docker-away"' in events_of(ready, client.plan))

    aborts = threading.Thread(target=ready.abort)
    aborts.start()
    wait_until(lambda: '"restore"' in events_of(ready, client.plan))
    ready.mend()
    aborts.join(PATIENCE)

    assert isinstance(client.ended(), RestoredError)
    assert ready.lines()[-1]["reason"] == "aborted"
    assert ready.serves() == 2


@one_shell
def test_what_is_new_beside_the_old_container_goes_also_where_docker_is_away(
    ready: FakeHost,
) -> None:
    twin = ready.copy(ready.root.parent / "second/host")
    stop = next(n for n, call in enumerate(calls_of_an_abort(twin), 1) if "docker stop" in call)

    calls_of_an_abort(ready, away_at=stop)

    assert [each["image"] for each in ready.containers()] == [image_id(2)]
    assert (ready.lines()[-1]["rung"], ready.serves()) == ("untouched", 2)


def calls_of_an_abort(host: FakeHost, *, away_at: int = 0) -> list[str]:
    """Abort a deploy that has started a new container, and not yet stopped the old one."""
    with hanging(host, " up "):
        (old,) = (host.fake / "containers" / each["id"] for each in host.containers())
        new = old.read_text().replace(image_id(2), image_id(3)).replace(tag(2), tag(3))
        host.write(f"containers/{99:064x}", new)
        host.break_at("transact", away_at, "docker-dead", last=away_at + 2)
        assert host.abort().outcome is AbortOutcome.ABORTED
    return host.calls("transact")


@one_shell
def test_a_run_that_does_not_heed_it_is_killed_and_its_guardian_does(
    ready: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped, it sees nothing."""
    change_script(monkeypatch, IMPATIENT)
    with hanging(ready, " up ") as client:
        shell = shell_of(f"deployctl-{client.plan.run}")
        os.kill(shell, signal.SIGSTOP)

        result = ready.abort()

    assert (result.outcome, result.serves) == (AbortOutcome.ABORTED, tag(2))
    assert isinstance(client.error, RestoredError)
    assert (ready.lines()[-1]["aborted_by"], ready.serves()) == ("lee", 2)


@pytest.mark.slow
@one_shell
def test_who_only_looks_for_a_run_by_its_name_is_not_taken_for_it(
    ready: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_script(monkeypatch, IMPATIENT)
    plan = ready.plan(3)
    name = f"deployctl-{plan.run}"
    ready.break_at("transact", call_number(ready, " up "), "hang")
    with subprocess.Popen(
        ["sh", "-c", f": {name}; read -r line; exit 7"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as bystander:
        client = Client(ready, plan)
        wait_until(lambda: '"up"' in events_of(ready, plan))
        shell = shell_of(name)
        os.kill(shell, signal.SIGSTOP)
        try:
            assert ready.abort().outcome is AbortOutcome.ABORTED
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(shell, signal.SIGCONT)
        bystander.communicate(b"\n")

    assert isinstance(client.ended(), RestoredError)
    assert bystander.returncode == 7


@one_shell
def test_where_its_events_cannot_be_written_the_old_release_is_back_as_well(
    ready: FakeHost,
) -> None:
    with hanging(ready, " up ") as client:
        events = ready.state / "runs" / client.plan.run / "events"
        events.unlink()
        events.mkdir()

        result = ready.abort()

    assert (result.outcome, result.serves, ready.serves()) == (AbortOutcome.ABORTED, tag(2), 2)


@one_shell
def test_where_its_directory_is_gone_the_old_release_is_back_as_well(ready: FakeHost) -> None:
    with hanging(ready, " up ") as client:
        shutil.rmtree(ready.state / "runs" / client.plan.run)

        result = ready.abort()

    assert (result.outcome, result.serves, ready.serves()) == (AbortOutcome.ABORTED, tag(2), 2)


def begin_to_abort(
    host: FakeHost, plan: Plan, pool: ThreadPoolExecutor
) -> Callable[[], AbortResult]:
    """Abort, and go on once the run was asked to end; what is returned waits for the end."""
    heard: list[bytes] = []
    command = abort_command(host.service, Origin("lee", "terminal"))
    listen = partial(LocalSession(host).run, timeout=PATIENCE, on_line=heard.append)
    aborting = pool.submit(listen, command)
    wait_until(lambda: any(b'"aborting"' in line for line in heard))

    def result() -> AbortResult:
        aborting.result(PATIENCE)
        events = reduce(RunEvents.with_line, heard, RunEvents())
        return abort_result(events, Asked("vps", plan.run, (host.service,)))

    return result


@one_shell
def test_two_who_abort_at_once_both_see_the_old_release_back(ready: FakeHost) -> None:
    with hanging(ready, " up ") as client, ThreadPoolExecutor(2) as pool:
        shell = shell_of(f"deployctl-{client.plan.run}")
        os.kill(shell, signal.SIGSTOP)  # until both have asked
        both = [begin_to_abort(ready, client.plan, pool) for _ in range(2)]
        os.kill(shell, signal.SIGCONT)
        outcomes = {result().outcome for result in both}

    assert outcomes == {AbortOutcome.ABORTED}
    assert len(ready.lines()) == 6


@one_shell
def test_what_is_put_back_already_goes_on(ready: FakeHost) -> None:
    ready.push(3, "exits")
    with ThreadPoolExecutor(1) as pool, hanging(ready, "docker events") as client:
        assert '"restore"' in events_of(ready, client.plan)
        aborting = begin_to_abort(ready, client.plan, pool)
        (ready.fake / "never").write_text("")  # what hung goes on
        result = aborting()

    assert isinstance(client.error, RestoredError)
    assert (result.outcome, result.serves) == (AbortOutcome.RESTORED, tag(2))
    assert ready.lines()[-1]["reason"] == "exited"
    assert "aborted_by" not in ready.lines()[-1]


@one_shell
def test_a_first_deploy_leaves_nothing_to_go_back_to(empty: FakeHost) -> None:
    empty.fetch(1)
    plan = empty.plan(1)
    empty.break_at("transact", 8, "hang")
    client = Client(empty, plan)
    wait_until(hangs(empty))
    empty.mend()

    with pytest.raises(BrokenError):
        empty.abort()

    assert isinstance(client.ended(), BrokenError)
    assert empty.lines()[-1]["aborted_by"] == "lee"


# ---------------------------------------------------------------- nothing to abort


def refusal(host: FakeHost) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        host.abort()
    return caught.value


def test_where_nobody_works_there_is_nothing_to_abort(ready: FakeHost) -> None:
    assert refusal(ready).code == "nothing-to-abort"
    assert ready.events() == ["started 1", "succeeded 1", "started 2", "succeeded 2"]


@one_shell
def test_where_nothing_was_ever_deployed_neither(empty: FakeHost) -> None:
    assert refusal(empty).code == "nothing-to-abort"
    assert not empty.state.exists()


def test_a_stranger_that_holds_the_lock_is_named(ready: FakeHost) -> None:
    with locked(ready, program=AS_ANYBODY) as holder, pytest.raises(BusyError) as caught:
        ready.abort()

    assert caught.value.code == "lock-taken"
    assert f"process {holder.pid}" in caught.value.message


@one_shell
def test_another_services_run_is_left_alone(ready: FakeHost) -> None:
    with hanging(ready, " up ") as client:
        other = replace(ready.service, name="worker")
        with ready.connection() as connection, pytest.raises(RefusedError) as caught:
            abort(connection, other, Origin("lee", "terminal"), lambda _: None)
        assert ready.abort().outcome is AbortOutcome.ABORTED

    assert caught.value.code == "nothing-to-abort"
    assert "deploy of web" in caught.value.message
    assert isinstance(client.error, RestoredError)


@one_shell
def test_a_run_without_a_guardian_is_left_alone(ready: FakeHost) -> None:
    """As one of a version before this one."""
    with hanging(ready, " up ") as client:
        os.killpg(shell_of(f"deployctl-guard-{client.plan.run}"), signal.SIGKILL)

        assert refusal(ready).code == "not-abortable"
        assert not (ready.state / "runs" / client.plan.run / "abort").exists()
        (ready.fake / "never").write_text("")  # what hung goes on


@pytest.mark.slow
@one_shell
def test_one_that_begins_without_a_guardian_after_all_is_not_ended(
    ready: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of a version before this one, which had not begun yet."""
    ready.push(3, "never")
    ready.service = replace(ready.service, health_timeout=2)
    plan = ready.plan(3)
    with monkeypatch.context() as older:
        change_script(older, UNGUARDED, HEEDS_NO_ABORT)
        command = begin_command(plan)
    monkeypatch.setattr(run, "begin_command", lambda _: command)
    change_script(monkeypatch, IMPATIENT)
    client = Client(ready, plan)
    wait_until((ready.state / "runs" / plan.run / "release.yml").exists)

    assert ready.abort().outcome is AbortOutcome.RESTORED

    assert isinstance(client.ended(), RestoredError)
    assert ready.lines()[-1]["reason"] == "health-timeout"
