"""A VPS as the tests of faults look at it: what is recorded, what runs, how far a run is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.client import SERVICE
from tests.vps.engine import WorldError
from tests.vps.world import Vps

STATE = "/opt/infra/.deployctl"
HISTORY = f"{STATE}/history.jsonl"
LOCK = f"{STATE}/lock"
_HOLDER = "sleep 1000"

Line = dict[str, Any]


def history(vps: Vps) -> list[Line]:
    """The recorded lines, all of which must be readable."""
    recorded = vps.run(f"cat {HISTORY} 2>/dev/null || true").stdout
    assert recorded == "" or recorded.endswith("\n"), f"torn: {recorded[-200:]!r}"
    return [json.loads(line) for line in recorded.splitlines()]


def containers(vps: Vps, service: str = SERVICE) -> list[Line]:
    """What `docker inspect` says of a service's containers, whatever their state."""
    label = f"label=com.docker.compose.service={service}"
    said = vps.run(f"docker ps -aq --filter {label} | xargs -r docker inspect").stdout
    return json.loads(said) if said else []


def is_left_over(container: Line) -> bool:
    """Whether a recreate that was cut off left it: it was to replace another, and never started."""
    state, labels = container["State"], container["Config"]["Labels"]
    return state["Status"] == "created" and "com.docker.compose.replace" in labels


def await_(vps: Vps, condition: str, *, seconds: int = 30) -> None:
    """Wait until a shell condition holds on the VPS; WorldError when it does not in time."""
    vps.run(
        f". /usr/lib/vps/await\ncondition() {{\n{condition}\n}}\nawait {seconds} condition",
        timeout=seconds + 30,
    )


def await_step(vps: Vps, step: str) -> None:
    """Wait until a run that has not ended has begun this step of the transaction."""
    await_(
        vps,
        f"for run in {STATE}/runs/*; do\n"
        f'  if [ ! -e "$run/outcome" ] && grep -qs \'"event":"step","what":"{step}"\''
        ' "$run/events"; then return 0; fi\n'
        "done\nreturn 1",
    )


def await_pull(vps: Vps) -> None:
    """Wait until an image is being pulled."""
    await_(vps, "pgrep -u deploy -f '^docker pull ' >/dev/null")


def await_waiting(vps: Vps) -> None:
    """Wait until a transaction that may wait for the lock is there."""
    await_(vps, "pgrep -u deploy -f 'begin.*--wait [1-9]' >/dev/null")


def await_quiet(vps: Vps) -> None:
    """Wait until nothing that deployctl started is left, be it at work or on the network."""
    try:
        # What lock_held has started is not deployctl's.
        await_(vps, f"! pgrep -u deploy -a | grep -vq ' {_HOLDER}$'", seconds=30)
    except WorldError as error:
        left = vps.run("ps -u deploy -o pid,ppid,etime,args | cut -c 1-120; ss -Htn").stdout
        raise AssertionError(f"still there:\n{left}") from error


def await_tidied(vps: Vps) -> None:
    """Wait until runs that have told their outcome have tidied up, too, and written their log."""
    await_(
        vps,
        f"for outcome in {STATE}/runs/*/outcome; do\n"
        '  [ -e "$outcome" ] || continue\n'
        "  run=${outcome%/outcome}\n"
        '  ! pgrep -f "deployctl-(guard-)?${run##*/}" >/dev/null || return 1\n'
        "done",
    )


def unfinished_run(vps: Vps) -> str:
    """The id of the one run that has started and not ended."""
    lines = history(vps)
    ended = {line["run"] for line in lines if line["event"] != "started"}
    (run,) = {line["run"] for line in lines} - ended
    assert isinstance(run, str)
    return run


def kill_transaction(vps: Vps, run: str, *, guardian: bool = False) -> None:
    """Kill the detached shell of a run, and its subshells, as the OOM killer would.

    guardian: its guardian, too, and first, for that would put things right at once.
    """
    for name in (f"deployctl-guard-{run}", f"deployctl-{run}")[not guardian :]:
        assert kill_shells(vps, name), f"no process {name}"


def kill_shells(vps: Vps, name: str) -> bool:
    """Kill the shells with this fourth word; say whether there was one.

    Others have the script, and so the name, in their arguments, too.

    name: a regular expression.
    """
    return vps.run(f"pkill -KILL -f '^sh -c eval \"[$]1\" {name} '", check=False).returncode == 0


@contextmanager
def lock_held(vps: Vps, *, tag: str, action: str = "deploy") -> Iterator[None]:
    """Another run holds the host, until the block ends. It changes nothing."""
    note = {"run": "20260101t000000z-0badf00d", "by": "ops@desk", "action": action}
    note |= {"service": SERVICE, "tag": tag, "since": "2026-01-01T00:00:00Z"}
    vps.write("/tmp/note", json.dumps(note), owner="root")
    pid = vps.run(
        f"exec 9>>{LOCK}; flock -w 30 9 && cat /tmp/note >{LOCK}\n"
        f"{_HOLDER} >/dev/null 2>&1 </dev/null & echo $!",
        user="deploy",
    ).stdout.strip()
    try:
        yield
    finally:
        vps.run(f"kill {pid}")


@contextmanager
def registry_stalled(vps: Vps) -> Iterator[None]:
    """A registry that accepts connections and does not answer, until the block ends."""
    pid = vps.read("/run/vps/registry.pid").strip()
    vps.run(f"kill -STOP {pid}")
    try:
        yield
    finally:
        vps.run(f"kill -CONT {pid}")


def run_named_in(text: str) -> str:
    """The run that a message tells to follow."""
    found = re.search(r"deployctl follow vps (\S+)", text)
    assert found, text
    return found[1]
