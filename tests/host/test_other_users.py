"""What other users of a host can open, hold or name: nothing of deployctl's."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployctl.compose import hold as verb
from deployctl.compose.check import check
from deployctl.compose.host.script import FILES, script_text
from deployctl.errors import BrokenError, BusyError
from deployctl.events import Event
from deployctl.release.check import CheckResult, Severity
from deployctl.release.hold import HoldOutcome
from deployctl.release.origin import Origin
from deployctl.release.results import State
from tests.host.fake_host import (
    AS_ANYBODY,
    KEPT,
    REPOSITORY,
    WEB,
    FakeHost,
    locked,
    wait_until_tidy,
)
from tests.unit.build import tag

OLD_RUN = "20240101t000000z-{:08x}"


def ignore(_: Event) -> None:
    pass


def hold(host: FakeHost) -> HoldOutcome:
    with host.connection() as connection:
        return verb.hold(
            connection, host.service, "audit", Origin("kim", "terminal"), ignore
        ).outcome


def unhold(host: FakeHost) -> HoldOutcome:
    with host.connection() as connection:
        return verb.unhold(connection, host.service, ignore).outcome


def checked(host: FakeHost) -> CheckResult:
    with host.connection() as connection:
        return check(connection, host.service, ignore)


def opened(host: FakeHost) -> dict[str, str]:
    """What others can open of deployctl's files, with its mode."""
    wait_until_tidy(host)
    paths = [host.state, *host.state.rglob("*")]
    modes = {str(path.relative_to(host.state)): path.stat().st_mode & 0o777 for path in paths}
    return {name: f"{mode:o}" for name, mode in modes.items() if mode & 0o077}


def as_the_version_before_left_it(host: FakeHost) -> None:
    """Its directories 0755, its files 0644; runs and releases were closed by then already."""
    host.set_hold('{"by":"kim","at":"now","reason":"audit"}')
    (host.state / "holds" / WEB).unlink()
    for path in (host.state, host.state / "holds"):
        path.chmod(0o755)
    for path in host.state.rglob("*"):
        if path.is_file():
            path.chmod(0o644)


# ---------------------------------------------------------------- who can open what


def test_what_deployctl_keeps_is_its_owners_alone(empty: FakeHost) -> None:
    empty.service = dataclasses.replace(empty.service, persist=True)
    empty.deploy(1)
    hold(empty)

    assert opened(empty) == {}
    assert {path.name for path in empty.state.iterdir()} == {
        *("lock", "history.jsonl", "reserve", "runs", "releases", "holds")
    }
    # What a plain `docker compose up` by another login reads stays open.
    assert (empty.project_directory / ".env").stat().st_mode & 0o777 == 0o644


def test_directories_on_the_way_are_for_everybody(empty: FakeHost) -> None:
    state = empty.root / "srv/data/deployctl"
    empty.service = dataclasses.replace(empty.service, state_directory=str(state))

    hold(empty)

    assert [f"{path.stat().st_mode & 0o777:o}" for path in (state.parent, state)] == ["755", "700"]


@pytest.mark.parametrize("command", ["deploy", "rollback", "hold", "unhold"])
def test_what_the_version_before_left_open_is_closed(host: FakeHost, command: str) -> None:
    as_the_version_before_left_it(host)
    assert {"lock", "history.jsonl", "holds"} <= opened(host).keys()

    commands: dict[str, Callable[[], object]] = {
        "deploy": lambda: host.deploy(3),
        "rollback": host.rollback,
        "hold": lambda: hold(host),
        "unhold": lambda: unhold(host),
    }
    commands[command]()

    assert opened(host) == {}


def test_a_check_tells_what_is_open_until_a_run_closes_it(host: FakeHost) -> None:
    as_the_version_before_left_it(host)

    (found,) = (f for f in checked(host).findings if f.code == "state-open")
    assert found.severity is Severity.WARNING
    assert "can open lock, history.jsonl, reserve, holds in" in found.message
    assert found.remedy.endswith(
        f"chmod -R go= {host.state}/lock {host.state}/history.jsonl "
        f"{host.state}/reserve {host.state}/holds"
    )
    host.deploy(3)
    assert "state-open" not in {f.code for f in checked(host).findings}


def test_a_directory_that_has_more_in_it_than_deployctls_files_keeps_its_mode(
    host: FakeHost,
) -> None:
    """Their releases/ may well be what a web server serves; deployctl's own was never open."""
    as_the_version_before_left_it(host)
    shutil.rmtree(host.state / "releases")
    theirs = [host.state / "site/index.html", host.state / "releases/7/index.html"]
    for path in theirs:
        path.parent.mkdir(parents=True)
        path.touch()
    for path in (host.state, *host.state.glob("site/**/*"), *host.state.glob("releases/**/*")):
        path.chmod(0o755)
    (host.state / "releases").chmod(0o755)

    (found,) = (f for f in checked(host).findings if f.code == "state-open")
    host.deploy(3)

    assert "releases" not in found.remedy
    assert {name for name in opened(host) if not name.startswith("runs/")} == {
        *(".", "site", "site/index.html"),
        *("releases", "releases/7", "releases/7/index.html"),
    }
    assert (host.state / "runs").stat().st_mode & 0o077 == 0


def test_a_link_or_a_file_of_another_user_under_one_of_the_names_is_left_alone(
    host: FakeHost,
) -> None:
    as_the_version_before_left_it(host)
    elsewhere = host.root / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o755)
    (host.state / "holds").rmdir()
    (host.state / "holds").symlink_to(elsewhere)
    (host.state / "runs/theirs").touch(mode=0o644)
    os.chown(host.state / "runs/theirs", 65534, -1)

    host.deploy(3)

    assert elsewhere.stat().st_mode & 0o777 == 0o755
    assert host.serves() == 3


def test_the_version_before_can_use_the_directory_next(host: FakeHost) -> None:
    """What it does there, in its words."""
    host.deploy(3)
    wait_until_tidy(host)
    script = (
        'umask 022; set -e; state=$1; history=$state/history.jsonl; mkdir -p "$state"\n'
        '(umask 077; mkdir -p "$state/runs" "$state/releases"); touch "$state/lock" "$history"\n'
        'exec 9>>"$state/lock"; flock -n 9; echo "{}" >"$state/lock"\n'
        '[ -s "$state/reserve" ]; (umask 077; mkdir "$state/runs/20240101t000000z-00000000")\n'
        'mkdir -p "$state/holds"; exec 8<"$state/holds"; flock -n 8\n'
        'echo "{}" >"$state/holds/.web.1"; mv "$state/holds/.web.1" "$state/holds/web"\n'
        '(flock -n -s 7 && exit 1; exit 0) 7<"$state/lock"; rm "$state/holds/web"\n'
    )

    subprocess.run(["sh", "-c", script, "before", str(host.state)], check=True)

    assert host.status() is State.IN_SYNC
    assert host.deploy(4).outcome == "succeeded"
    assert opened(host) == {}


# ---------------------------------------------------------------- who holds the lock


@pytest.mark.parametrize("flags", ["", "-s"])
def test_a_lock_that_no_run_holds_is_named_and_never_the_last_run(
    host: FakeHost, flags: str
) -> None:
    plan = host.plan(3)
    host.fetch(3)
    with locked(host, flags, program=AS_ANYBODY) as stranger:
        with pytest.raises(BusyError) as refused:
            host.run(plan)
        found = checked(host)
        status = host.status()
        held = hold(host)

    assert refused.value.code == "lock-taken"
    assert f"by process {stranger.pid} of root: 'sh'" in refused.value.message
    assert host.serves() == 2
    (lock,) = (f for f in found.findings if f.check == "lock")
    assert (lock.code, lock.severity) == ("lock-taken", Severity.PROBLEM)
    assert f"process {stranger.pid} of root" in lock.message
    assert f"fuser -v {host.state}/lock" in lock.remedy
    assert status is State.IN_SYNC
    assert held is HoldOutcome.SET


def test_a_deploy_ends_before_the_fetch_where_a_stranger_holds_the_lock(host: FakeHost) -> None:
    with locked(host, program=AS_ANYBODY), pytest.raises(BusyError) as refused:
        host.deploy(3)

    assert refused.value.code == "lock-taken"
    assert host.calls("fetch") == []


def test_a_client_that_waits_is_not_taken_for_the_run_that_holds_the_lock(host: FakeHost) -> None:
    """It has the file open on the descriptor that runs use, but not its lock."""
    waiting = ["sh", "-c", 'exec 9>>"$1"; echo open; read -r _', "waiting", f"{host.state}/lock"]
    with (
        locked(host, program=AS_ANYBODY),
        subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout
        process.stdout.readline()
        facts = host.probe(change=False)
        process.communicate()

    assert facts.holder is None
    assert facts.stranger


def test_a_run_is_known_as_one_while_it_keeps_the_lock_from_what_it_calls(host: FakeHost) -> None:
    """A shell moves a descriptor out of the way that a command shall not have."""
    host.run(host.plan(3))
    with locked(host, until="cat 9>&-") as holder:
        while Path(f"/proc/{holder.pid}/fd/9").exists():
            assert holder.poll() is None
        facts = host.probe(change=False)
        document = checked(host)

    assert facts.stranger is None
    assert "lock-taken" not in {f.code for f in document.findings}


def test_a_killed_run_is_followed_to_its_end_whoever_holds_the_lock(host: FakeHost) -> None:
    run = host.lines()[-1]["run"]
    (host.state / "runs" / run / "outcome").unlink()
    history = host.state / "history.jsonl"
    history.write_text("".join(history.read_text().splitlines(keepends=True)[:-1]))

    with locked(host, program=AS_ANYBODY), pytest.raises(BrokenError, match="left no outcome"):
        host.follow(run)


@pytest.mark.slow
def test_where_the_kernel_does_not_tell_locks_a_run_is_never_taken_for_a_stranger(
    host: FakeHost, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    shutil.copytree(host.flavour.tools, tools, symlinks=True)
    (tools / "grep").unlink()
    (tools / "grep").write_text(
        f'#!/bin/sh\ncase $* in */fdinfo/*) exit 1 ;; esac\nexec {host.flavour.tools}/grep "$@"\n'
    )
    (tools / "grep").chmod(0o755)
    host.flavour = dataclasses.replace(host.flavour, tools=tools)
    run = host.lines()[-1]["run"]
    (host.state / "runs" / run / "outcome").unlink()
    history = host.state / "history.jsonl"
    history.write_text("".join(history.read_text().splitlines(keepends=True)[:-1]))

    with locked(host):
        facts = host.probe(change=False)
        with pytest.raises(BusyError, match=f"deploy of {WEB}"):
            host.deploy(3)
        with ThreadPoolExecutor() as pool:
            following = pool.submit(host.follow, run)
            with pytest.raises(TimeoutError):
                following.result(timeout=3)
            (host.state / "runs" / run / "outcome").touch()

    assert facts.holder is not None
    assert facts.holder.run == run
    host.deploy(3)
    assert host.serves() == 3


@pytest.mark.slow
def test_a_lock_that_is_let_go_in_time_is_waited_for(host: FakeHost) -> None:
    plan = host.plan(3, wait=20.0)
    host.fetch(3)

    with locked(host, until="sleep 2", program=AS_ANYBODY):
        host.run(plan)

    assert host.serves() == 3


def test_holds_that_a_stranger_keeps_locked_are_an_error_that_names_him(host: FakeHost) -> None:
    hold(host)
    host.hurry = 0.3
    command = ["sh", "-c", 'exec 3<"$1"; flock 3; echo held; read -r _', "x", f"{host.state}/holds"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout
        stranger.stdout.readline()
        with pytest.raises(BusyError) as refused:
            unhold(host)
        stranger.communicate()

    assert refused.value.code == "lock-taken"
    assert f"process {stranger.pid} of root" in refused.value.message
    assert "still held" in refused.value.state
    assert f"fuser -v {host.state}/holds" in refused.value.hint


# ---------------------------------------------------------------- names


def test_only_what_has_a_runs_name_is_tidied_up(host: FakeHost) -> None:
    host.service = dataclasses.replace(host.service, keep=1)
    precious = host.root / "precious"
    precious.mkdir()
    runs, releases = host.state / "runs", host.state / "releases" / WEB
    hostile = ["-rf", "a b", "*", f"x\n{precious}", f"{OLD_RUN.format(1)}\nx", ".hidden"]
    for name in hostile:
        (runs / name).mkdir(parents=True)
        os.utime(runs / name, (0, 0))
    (runs / OLD_RUN.format(2)).symlink_to(precious)
    for number in range(3, 28):
        path = runs / OLD_RUN.format(number)
        path.mkdir()
        os.utime(path, (number, number))
    kept_by_hand = releases / "by-hand.yml"
    kept_by_hand.touch()

    host.deploy(3)
    wait_until_tidy(host)

    left = {path.name for path in runs.iterdir()}
    assert {name.split("/")[0] for name in hostile} <= left
    ours = sorted(name for name in left if re.fullmatch(r"\d{8}t\d{6}z-[0-9a-f]{8}", name))
    assert len(ours) == 20
    assert OLD_RUN.format(27) in ours
    assert OLD_RUN.format(3) not in ours
    assert precious.is_dir()
    assert kept_by_hand.exists()
    assert len(list(releases.iterdir())) == 2


def test_a_tag_that_is_kept_removes_nobody_elses_file(host: FakeHost) -> None:
    host.service = dataclasses.replace(host.service, persist=True)
    left = f".env.deployctl-{OLD_RUN.format(1)}"
    names = [".env.deployctl-notes", f"{left}\nx", f"{left}*", left]
    for name in names:
        (host.project_directory / name).touch()

    host.deploy(3)

    found = {path.name for path in host.project_directory.glob(".env?*")}
    assert found == {*names} - {left}


def test_a_hold_removes_nobody_elses_file(host: FakeHost) -> None:
    directory = host.state / "holds"
    directory.mkdir()
    for name in (".web.7", ".web.b", ".web.1\nx", ".web.*", ".web.b.7", "web.1"):
        (directory / name).touch()

    hold(host)

    assert {path.name for path in directory.iterdir()} == {
        *("web", ".web.b", ".web.1\nx", ".web.*", ".web.b.7", "web.1")
    }


def test_a_tag_of_an_image_is_one_word(host: FakeHost) -> None:
    host.service = dataclasses.replace(host.service, keep=1)
    host.write(f"tags/{KEPT}:*", "sha256:" + "9" * 64)
    for number in (3, 4, 5):
        host.deploy(number)
        wait_until_tidy(host)

    assert host.tagged(1) is None
    assert not [call for call in host.calls("transact") if f"{REPOSITORY}:*" in call]
    assert tag(4) in host.kept()


def test_a_file_of_another_user_is_named_whatever_it_is_called(host: FakeHost) -> None:
    path = host.state / "x\nnot-there"
    path.touch()
    os.chown(path, 65534, -1)

    facts = host.probe()

    assert (facts.foreign_files, facts.state_access) == ((str(path),), "")


def test_a_link_to_a_name_with_a_line_break_makes_no_line_of_its_own(host: FakeHost) -> None:
    host.service = dataclasses.replace(host.service, persist=True)
    link = host.project_directory / ".env"
    link.symlink_to(host.root / "x\nowner root ")

    (problem,) = host.probe().env_file_problems
    assert problem.startswith("link ")


# ---------------------------------------------------------------- the shape itself

_LISTS = re.compile(r"\b(find|ls)\b")
_READS_NAMES = re.compile(r"\|\s*while\b|\bxargs\b|\bin \$\((find|ls)\b|\|\s*(while )?read\b")


def names_read_line_by_line(script: str) -> list[str]:
    """The commands that take apart a list of file names: a name may have a line break in it."""
    joined = re.sub(r"(\\|\|)\n\s*", r"\1 ", script)
    lines = [line for line in joined.splitlines() if not line.lstrip().startswith("#")]
    return [line for line in lines if _LISTS.search(line) and _READS_NAMES.search(line)]


@pytest.mark.parametrize("script", FILES)
def test_no_script_reads_a_list_of_names_line_by_line(script: str) -> None:
    assert names_read_line_by_line(script_text(script)) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("find \"$base\" -name 'x-*' |\n    while read -r left; do", True),
        ('ls -1t "$2" | tail -n 3 | while read -r old; do', True),
        ('for old in $(ls "$1"); do', True),
        ('find "$1" | xargs rm', True),
        ('[ -n "$(find "$1" -prune -perm 700)" ]', False),
        ("repo_digests | while read -r reference; do", False),
    ],
)
def test_a_script_that_did_would_be_found(line: str, *, found: bool) -> None:
    assert bool(names_read_line_by_line(line)) is found
