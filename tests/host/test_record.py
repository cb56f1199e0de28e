"""The history: what a run writes into it, also on a full disk."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployctl.compose.host import script
from deployctl.compose.host.transact import begin_command
from deployctl.errors import (
    BrokenError,
    HostError,
    RestoredError,
)
from deployctl.release.origin import Origin
from tests.host.fake_host import (
    FakeHost,
    LocalSession,
    one_shell,
)
from tests.unit.build import tag


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


@one_shell
def test_a_line_says_what_the_run_found_serving_and_what_it_left(host: FakeHost) -> None:
    host.deploy(3)
    host.push(4, "unhealthy")
    with pytest.raises(RestoredError):
        host.deploy(4)

    told = [(line.get("found"), line.get("serves"), line.get("rung")) for line in host.lines()[-4:]]
    assert told == [
        (tag(2), None, None),
        (tag(2), tag(3), None),
        (tag(3), None, None),
        (tag(3), tag(3), "made"),
    ]


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


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_a_history_gets_no_shorter_where_neither_measuring_nor_writing_works(
    shell: str, tmp_path: Path
) -> None:
    history = tmp_path / "history.jsonl"
    history.write_text("one\ntwo\nthree\n")
    functions = script.script_text("transact.sh").removesuffix('main "$@"\n')
    faults = (
        "wc() { return 1; }; "
        'dd() { case $* in *history*append*) return 1 ;; esac; command dd "$@"; }; '
    )
    run = 'began=0 seq=4 reason= expect_history=14 free=; append_line succeeded \'"run":"r"\''
    names = f"state={tmp_path} run_directory={tmp_path} history={history}; "

    subprocess.run([*shell.split(), "-c", functions + faults + names + run], check=False)

    assert history.read_text().startswith("one\ntwo\nthree\n")


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
