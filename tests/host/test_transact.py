"""The transaction: what it checks, changes, records and cleans up, on good days and on bad."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deployctl import outcome, runner
from deployctl.command import Command
from deployctl.compose.host.fetch import fetch_command
from deployctl.compose.host.transact import begin_command, follow_command, waiting_for
from deployctl.compose.plan import Plan
from deployctl.errors import (
    BrokenError,
    BusyError,
    DeployctlError,
    HostError,
    RefusedError,
    RestoredError,
)
from deployctl.inventory import Host
from deployctl.link import Link
from deployctl.model import Action, Origin, State
from tests.host.fake_host import (
    AS_ANYBODY,
    DB,
    REPOSITORY,
    WEB,
    FakeHost,
    Flavour,
    LocalSession,
    locked,
)
from tests.unit.build import image_id, tag

# For what takes long and is the same to every shell.
one_shell = pytest.mark.parametrize("flavour", ["dash"], indirect=True)

# ---------------------------------------------------------------- the main job


def test_a_first_deploy_starts_what_the_service_needs_and_then_the_service(empty: FakeHost) -> None:
    result = empty.deploy(1)

    assert result.outcome == "succeeded"
    assert empty.serves() == 1
    assert [c["status"] for c in empty.containers(DB)] == ["running"]
    assert empty.events() == ["started 1", "succeeded 1"]
    assert empty.status() is State.IN_SYNC


def test_a_deploy_recreates_the_service_and_nothing_else(host: FakeHost) -> None:
    before = host.containers(DB)
    host.deploy(3)

    assert host.serves() == 3
    assert host.containers(DB) == before
    assert host.lines()[-1]["previous"]["tag"] == tag(2)


def test_a_rollback_goes_back_with_the_registry_gone(host: FakeHost) -> None:
    for path in (host.fake / "registry").rglob("web:*"):
        path.unlink()

    result = host.rollback()

    assert result.release.tag == tag(1)
    assert host.serves() == 1
    assert host.calls("fetch") == []


@pytest.mark.slow
def test_busybox_alone_does_the_main_job(flavours: dict[str, Flavour], tmp_path: Path) -> None:
    host = FakeHost.make(tmp_path / "host", flavours["busybox"])

    host.deploy(1)

    assert host.serves() == 1
    assert host.status() is State.IN_SYNC


# ---------------------------------------------------------------- the tag in .env

TAGGED = tag(3)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, f"IMAGE_TAG={TAGGED}\n"),
        ("", f"IMAGE_TAG={TAGGED}\n"),
        ("A=1", f"A=1\nIMAGE_TAG={TAGGED}\n"),
        ("IMAGE_TAG=\nA=1\n", f"IMAGE_TAG={TAGGED}\nA=1\n"),
        (
            "# IMAGE_TAG=x\nIMAGE_TAG=old # why\n  B=2",
            f"# IMAGE_TAG=x\nIMAGE_TAG={TAGGED} # why\n  B=2",
        ),
        (
            "export IMAGE_TAG = 'o l d'\r\nB=2\r\n",
            f"export IMAGE_TAG = {TAGGED}\r\nB=2\r\n",
        ),
        ('IMAGE_TAG=a\nIMAGE_TAG="b#b"\n', f"IMAGE_TAG=a\nIMAGE_TAG={TAGGED}\n"),
        ("MY_IMAGE_TAG=a\nIMAGE_TAG_2=b\n", f"MY_IMAGE_TAG=a\nIMAGE_TAG_2=b\nIMAGE_TAG={TAGGED}\n"),
        ("é=\xff\nA='$(reboot)&\\1'\n", f"é=\xff\nA='$(reboot)&\\1'\nIMAGE_TAG={TAGGED}\n"),
    ],
)
def test_the_tag_is_kept_and_all_else_in_the_file_stays(
    host: FakeHost, before: str | None, after: str
) -> None:
    env = host.project_directory / ".env"
    if before is not None:
        env.write_text(before, encoding="latin-1", newline="")
        env.chmod(0o640)
    host.service = dataclasses.replace(host.service, persist=True)

    host.deploy(3)

    assert env.read_bytes().decode("latin-1") == after
    assert before is None or env.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in env.parent.glob(".env*")] == [".env"]


# ---------------------------------------------------------------- releases that fail


@one_shell
@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("unhealthy", "unhealthy"),
        ("exits", "exited"),
        ("loops", "crash-loop"),
        ("never", "health-timeout"),
    ],
)
def test_a_broken_release_is_put_back_and_its_last_words_are_shown(
    host: FakeHost, behaviour: str, reason: str
) -> None:
    host.push(3, behaviour)
    host.service = dataclasses.replace(host.service, health_timeout=1.0, stable=0.5)

    with pytest.raises(RestoredError) as caught:
        host.deploy(3)

    assert host.serves() == 2
    assert host.events()[-2:] == ["started 3", "restored 3"]
    assert host.lines()[-1]["reason"] == reason
    assert "panic: no luck today" in caught.value.details
    told = "did not get healthy within 1 s (health_timeout)" in caught.value.message
    assert told == (reason == "health-timeout")


@one_shell
def test_a_broken_first_deploy_says_that_a_person_is_needed(empty: FakeHost) -> None:
    empty.push(1, "unhealthy")

    with pytest.raises(BrokenError):
        empty.deploy(1)

    assert empty.events() == ["started 1", "broken 1"]


@one_shell
def test_an_image_that_vanished_meanwhile_leaves_the_service_untouched(host: FakeHost) -> None:
    host.fetch(3)
    plan = host.plan(3)
    (host.fake / "images" / image_id(3)).unlink()
    before = host.containers()

    with pytest.raises(RestoredError):
        host.run(plan)

    assert host.containers() == before
    assert host.lines()[-1]["reason"] == "tag-failed"


@one_shell
def test_a_dependency_that_cannot_be_started_leaves_the_service_untouched(host: FakeHost) -> None:
    host.fetch(3)
    plan = dataclasses.replace(host.plan(3), dependencies=("cache",))
    host.write("services/cache", "infra 1 cache:1")
    before = host.containers()

    with pytest.raises(RestoredError):
        host.run(plan)

    assert host.containers() == before
    assert host.lines()[-1]["reason"] == "dependency-failed"


@one_shell
def test_a_failed_deploy_of_other_content_under_the_running_tag_puts_the_tag_back(
    host: FakeHost,
) -> None:
    host.write(f"images/{image_id(7)}", f"healthy - sha256:{7:064x} {REPOSITORY}")
    plan = host.plan(2)
    moved = dataclasses.replace(
        plan,
        release=dataclasses.replace(plan.release, image_id=image_id(7)),
        dependencies=("cache",),
    )
    host.write("services/cache", "infra 1 cache:1")

    with pytest.raises(RestoredError):
        host.run(moved)

    assert host.serves() == 2
    assert host.tagged(2) == 2


def test_what_compose_left_half_done_is_removed(host: FakeHost) -> None:
    host.fetch(3)
    plan = host.plan(3)
    host.forget_calls()
    up = 6
    host.break_at("transact", up, "half")

    with pytest.raises(RestoredError):
        host.run(plan)

    assert " up " in host.calls("transact")[up - 1]
    assert host.serves() == 2
    assert [c["name"] for c in host.containers()] == ["infra-web-1"]


@one_shell
def test_a_restore_uses_the_configuration_that_the_release_ran_with(host: FakeHost) -> None:
    host.configure(labels={"changed": "yes"})
    host.push(3, "unhealthy")

    with pytest.raises(RestoredError):
        host.deploy(3)

    run = [line["run"] for line in host.lines() if line["tag"] == tag(2)][-1]
    assert [c["made_with"] for c in host.containers()] == [f"{host.state}/releases/{WEB}/{run}.yml"]


@one_shell
def test_an_old_release_that_cannot_come_back_is_said_to_be_broken(host: FakeHost) -> None:
    host.push(3, "unhealthy")
    host.fetch(3)
    plan = host.plan(3)
    host.push(2, "exits")

    with pytest.raises(BrokenError) as caught:
        host.run(plan)

    assert "could not be put back" in caught.value.state
    assert host.events()[-1] == "broken 3"


# ---------------------------------------------------------------- health


@one_shell
def test_a_release_that_needs_time_to_get_healthy_gets_it(host: FakeHost) -> None:
    host.push(3, "slow")

    assert host.deploy(3).outcome == "succeeded"


@one_shell
def test_a_service_without_a_health_check_must_stay_up(host: FakeHost) -> None:
    host.push(3, "nocheck")
    host.service = dataclasses.replace(host.service, stable=0.5)

    host.deploy(3)

    assert host.lines()[-1]["seconds"] >= 0.5


@one_shell
def test_all_containers_of_a_scaled_service_must_be_healthy(host: FakeHost) -> None:
    host.write("services/web", f"infra 3 {REPOSITORY}:@TAG@")
    host.configure(scale=3)

    host.deploy(3)

    assert host.serves() == 3
    assert len(host.containers()) == 3


@one_shell
@pytest.mark.slow
def test_a_scaled_service_that_lacks_a_container_is_not_healthy(host: FakeHost) -> None:
    host.configure(scale=2)
    host.service = dataclasses.replace(host.service, health_timeout=0.4)

    with pytest.raises(DeployctlError):
        host.deploy(3)

    assert host.lines()[-1]["reason"] == "health-timeout"


# ---------------------------------------------------------------- what is checked under the lock


def changed(host: FakeHost, plan: Plan) -> str:
    """Begin a run that must find the host changed; return what it says was."""
    before = host.containers()
    heard = host.transcript(begin_command(plan))
    assert heard.end == "changed"
    assert not heard.begun
    assert host.containers() == before
    return heard.what


@pytest.fixture
def ready(host: FakeHost) -> FakeHost:
    """The image of release 3 is there."""
    host.fetch(3)
    return host


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

    assert ready.transcript(cancel).end == "cancelled"
    assert ready.transcript(begin_command(plan)).end == "cancelled"
    assert ready.serves() == 2
    assert ready.events()[-1] == "succeeded 2"


def test_a_run_is_cancelled_before_the_host_has_any_file_of_deployctl(empty: FakeHost) -> None:
    empty.fetch(1)
    plan = empty.plan(1)
    cancel = follow_command(str(empty.state), plan.run, cancel=True)

    assert empty.transcript(cancel).end == "cancelled"
    assert empty.transcript(begin_command(plan)).end == "cancelled"
    assert empty.containers() == []


def test_a_run_that_began_cannot_be_cancelled(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.run(plan)
    cancel = follow_command(str(ready.state), plan.run, cancel=True)

    heard = ready.transcript(cancel)

    assert heard.end == "outcome"
    assert outcome.success_entry(
        heard, outcome.Asked.by(plan, ready.link().host)
    ).release.tag == tag(3)


@one_shell
def test_a_run_is_begun_once_only(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.run(plan)

    assert ready.transcript(begin_command(plan)).end == "cancelled"


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


# ---------------------------------------------------------------- the client is lost


@one_shell
@pytest.mark.slow
def test_a_client_that_is_cut_off_after_any_line_learns_the_outcome(ready: FakeHost) -> None:
    plan = ready.plan(3)
    lines = len(all_lines(ready.copy(ready.root.parent / "whole"), plan))
    assert lines > 3

    for cut_after in range(1, lines + 1):
        twin = ready.copy(ready.root.parent / f"cut-{cut_after}")
        sessions = iter([LocalSession(twin, cut_after=cut_after)])
        link = Link(Host(name="vps", address="vps"), reconnecting(twin, sessions))
        runner.run(link, dataclasses.replace(plan, service=twin.service), lambda _: None)
        assert twin.serves() == 3


def all_lines(host: FakeHost, plan: Plan) -> list[bytes]:
    """What a run prints."""
    lines: list[bytes] = []
    command = begin_command(dataclasses.replace(plan, service=host.service))
    LocalSession(host).run(command, timeout=30, on_line=lines.append)
    return lines


def reconnecting(host: FakeHost, first: Iterator[LocalSession]) -> Callable[[Host], LocalSession]:
    """Connect with the given sessions first, then with good ones."""
    return lambda _: next(first, LocalSession(host))


def test_the_change_goes_on_when_the_foreground_is_killed(ready: FakeHost) -> None:
    ready.push(3, "slow")
    plan = ready.plan(3)
    with LocalSession(ready).started(begin_command(plan)) as process:
        assert process.stdout
        while b'"step"' not in process.stdout.readline():
            pass
        process.kill()

    assert ready.follow(plan.run).release.tag == tag(3)
    assert ready.serves() == 3


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
        heard = ready.transcript(begin_command(plan))

    assert heard.end == "busy"
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
        process.wait(timeout=10)

    assert not (held.state / "runs" / plan.run).exists()
    assert held.serves() == 2


@one_shell
@pytest.mark.slow
def test_a_client_that_waits_in_vain_is_told_who_holds_the_host(held: FakeHost) -> None:
    plan = held.plan(3, wait=1.0)

    heard = held.transcript(begin_command(plan))

    assert heard.end == "busy"
    assert heard.holder().by == "sam"


@one_shell
def test_two_deploys_at_once_leave_one_winner(ready: FakeHost) -> None:
    ready.fetch(4)
    plans = [ready.plan(3), ready.plan(4)]
    ends = []

    def begin(plan: Plan) -> None:
        ends.append(ready.transcript(begin_command(plan)).end)

    threads = [threading.Thread(target=begin, args=[plan]) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ends) in [["busy", "outcome"], ["changed", "outcome"]]
    assert len(ready.events()) == 6


# ---------------------------------------------------------------- the record


def test_a_torn_end_of_the_history_is_never_glued_to(host: FakeHost) -> None:
    path = host.state / "history.jsonl"
    with path.open("ab") as file:
        file.write(b'{"v":1,"seq":5,"at":"20')

    host.deploy(3)

    lines = path.read_text().splitlines()
    assert lines[4] == '{"v":1,"seq":5,"at":"20'
    assert [json.loads(line)["event"] for line in lines[5:]] == ["started", "succeeded"]


def test_whatever_a_name_contains_is_recorded_literally(host: FakeHost) -> None:
    name = '$(touch owned) `id` "kim" \'o\\n\nx\t%s\u2028é'
    host.fetch(3)

    host.run(host.plan(3, origin=Origin(name, "terminal")))

    assert host.lines()[-1]["by"] == name
    assert not list(host.root.rglob("owned"))


def test_an_outcome_that_cannot_be_written_is_said_not_to_be_recorded(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.forget_calls()
    ready.break_at("transact", 5, "record-dead", last=9999)

    with pytest.raises(BrokenError) as caught:
        ready.run(plan)

    assert caught.value.code == "not-recorded"
    assert ready.serves() == 3


def test_what_cannot_be_recorded_is_not_begun(ready: FakeHost) -> None:
    plan = ready.plan(3)
    ready.break_at("transact", 1, "record-dead", last=9999)
    before = ready.containers()

    with pytest.raises(HostError) as caught:
        ready.run(plan)

    assert caught.value.code == "cannot-record"
    assert ready.containers() == before


@pytest.fixture
def small_disk(ready: FakeHost) -> Iterator[FakeHost]:
    """deployctl's own files are on a disk of 512 KiB."""
    kept = [(path.name, path.read_bytes()) for path in ready.state.iterdir() if path.is_file()]
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(ready.state)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("no disk can be mounted here: that takes root")
    for name, content in kept:
        (ready.state / name).write_bytes(content)
    yield ready
    subprocess.run(["umount", "-l", str(ready.state)], check=True)


def fill(disk: Path) -> None:
    """Leave no block of a disk free."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_a_record_that_cannot_be_made_is_blamed_on_the_disk_only_where_that_is_full(
    ready: FakeHost,
) -> None:
    plan = ready.plan(3)
    shutil.rmtree(ready.state / "runs")
    (ready.state / "runs").touch()

    with pytest.raises(HostError) as refused:
        ready.run(plan)

    assert refused.value.code == "cannot-record"
    assert "deployctl's own directory" in refused.value.message
    assert ready.events()[-1] == "succeeded 2"


@pytest.mark.parametrize("holder", ["", "of the run before"])
def test_without_room_and_without_the_reserve_the_disk_is_called_full_and_nothing_is_begun(
    small_disk: FakeHost, holder: str
) -> None:
    plan = small_disk.plan(3)
    (small_disk.state / "reserve").unlink()
    (small_disk.state / "lock").write_text(holder)  # an empty file leaves no room when it is cut
    fill(small_disk.state)

    with pytest.raises(HostError) as refused:
        small_disk.run(plan)

    assert refused.value.code == "disk-full"
    assert str(small_disk.state) in refused.value.message
    assert not (small_disk.state / "runs" / plan.run).exists()
    assert small_disk.events()[-1] == "succeeded 2"


@pytest.mark.parametrize("behaviour", ["healthy", "unhealthy"])
def test_a_disk_that_is_full_when_the_run_begins_still_takes_its_record(
    small_disk: FakeHost, behaviour: str
) -> None:
    small_disk.push(3, behaviour)
    assert (small_disk.state / "reserve").stat().st_size > 0
    fill(small_disk.state)

    try:
        small_disk.deploy(3)
    except RestoredError:
        assert behaviour == "unhealthy"

    ends = {"healthy": ("succeeded 3", 3), "unhealthy": ("restored 3", 2)}
    assert (small_disk.events()[-1], small_disk.serves()) == ends[behaviour]


@pytest.mark.slow
def test_a_disk_that_fills_up_during_the_run_still_takes_the_outcome(small_disk: FakeHost) -> None:
    small_disk.push(3, "never")
    plan = small_disk.plan(3)
    plan = dataclasses.replace(
        plan, service=dataclasses.replace(small_disk.service, health_timeout=1.0)
    )
    seen: list[bytes] = []

    def fill_at_health(line: bytes) -> None:
        if b'"health"' in line and not seen:
            fill(small_disk.state)
            seen.append(line)

    LocalSession(small_disk).run(begin_command(plan), timeout=30, on_line=fill_at_health)

    assert seen
    # No half of the line that did not fit at first.
    assert small_disk.events()[-2:] == ["started 3", "restored 3"]
    assert small_disk.serves() == 2


# ---------------------------------------------------------------- afterwards


@one_shell
@pytest.mark.slow
def test_old_images_go_and_those_that_a_rollback_needs_stay(host: FakeHost) -> None:
    host.write("tags/deployctl/worker:sha-aaaaaaa", image_id(1))
    for number in (3, 4, 5):
        host.deploy(number)
        wait_until_tidy(host)

    assert host.kept() == [tag(3), tag(4), tag(5)]
    assert (host.tagged(1), host.tagged(2)) == (None, None)
    assert (host.fake / "tags/deployctl/worker:sha-aaaaaaa").exists()
    assert host.rollback().release.tag == tag(4)


@one_shell
@pytest.mark.slow
def test_all_images_stay_where_the_inventory_says_so(host: FakeHost) -> None:
    host.service = dataclasses.replace(host.service, keep=0)
    for number in (3, 4, 5):
        host.deploy(number)

    wait_until_tidy(host)
    assert len(host.kept()) == 5


@one_shell
@pytest.mark.slow
def test_a_name_that_another_service_or_container_uses_stays(host: FakeHost) -> None:
    host.write(f"tags/deployctl/other:{tag(1)}", image_id(1))
    by_hand = f"hand lab {image_id(2)} {REPOSITORY}:{tag(2)} running 0 none 1 /by-hand up"
    host.write(f"containers/{99:064x}", by_hand)

    for number in (3, 4, 5, 6):
        host.deploy(number)
        wait_until_tidy(host)

    assert host.kept() == [tag(4), tag(5), tag(6)]
    assert (host.tagged(1), host.tagged(2), host.tagged(3)) == (1, 2, None)


@one_shell
def test_a_bounded_number_of_runs_and_configurations_stays(host: FakeHost) -> None:
    for number in range(30):
        (host.state / "runs" / f"2024010{number % 10}t000000z-{number:08x}").mkdir()

    host.deploy(3)
    wait_until_tidy(host)

    assert len(list((host.state / "runs").iterdir())) == 20
    assert len(list((host.state / "releases" / WEB).iterdir())) == 2


@one_shell
def test_secrets_in_the_configuration_are_readable_by_nobody_else(host: FakeHost) -> None:
    kept = list((host.state / "releases" / WEB).iterdir())

    assert {path.stat().st_mode & 0o077 for path in kept} == {0}
    assert (host.state / "runs").stat().st_mode & 0o077 == 0


def wait_until_tidy(host: FakeHost) -> None:
    """A run has its outcome before it tidies up."""
    give_up = time.monotonic() + 5
    while not host.lock_is_free():
        assert time.monotonic() < give_up
        time.sleep(0.02)


# ---------------------------------------------------------------- truncated scripts


def cut(command: Command, script: str, text: str) -> Command:
    """Return the command with another text in the place of its script."""
    return Command(tuple(text if word == script else word for word in command.argv))


def truncations(script: str) -> Iterator[str]:
    """The script cut off here and there, and at each byte of its last line."""
    last = script.rindex("main")
    yield from (script[:end] for end in range(0, last, 997))
    yield from (script[:end] for end in range(last, len(script.rstrip())))


@pytest.mark.parametrize("what", ["begin", "fetch"])
def test_a_script_that_arrives_in_part_does_nothing(ready: FakeHost, what: str) -> None:
    plan = ready.plan(3)
    command = {
        "begin": begin_command(plan),
        "fetch": fetch_command(WEB, f"{REPOSITORY}:{tag(4)}", tag(4)),
    }[what]
    script = max(command.argv, key=len)
    ready.forget_calls()

    for text in truncations(script):
        LocalSession(ready).run(cut(command, script, text), timeout=10)

    assert ready.calls("transact") + ready.calls("fetch") + ready.calls("probe") == []
    assert ready.events()[-1] == "succeeded 2"
    assert not (ready.state / "runs" / plan.run).exists()


@one_shell
def test_rollback_with_nothing_to_go_back_to_is_refused(empty: FakeHost) -> None:
    empty.deploy(1)

    with pytest.raises(RefusedError) as caught:
        empty.rollback()

    assert caught.value.code == "no-older-success"


def test_the_action_is_recorded(host: FakeHost) -> None:
    host.run(host.plan(1, Action.ROLLBACK))

    assert host.lines()[-1]["action"] == "rollback"
