"""`python -m bench`: measure, and print tables of medians. `make bench` brings the engine."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench import report
from bench.contenders import Contender, Deployctl, FabricScript, HandTyped
from bench.measure import measure
from bench.round_trips import measure_round_trips
from bench.scenarios import changes, status
from bench.stage import Stage, WrongStateError
from bench.workstation import CommandFailedError, Place, Workstation
from tests.vps.engine import WorldError
from tests.vps.world import Vps, World

HOSTS = 20


def main() -> None:
    """Measure what was asked for."""
    options = _options()
    try:
        with World(_say) as world, tempfile.TemporaryDirectory() as directory:
            text = _measure(world.vps(), Path(directory), options)
        print(text)
        if options.update:
            page = options.update.read_text()
            options.update.write_text(report.put_into(page, text))
    except (CommandFailedError, WrongStateError, WorldError, OSError, ValueError) as error:
        sys.exit(f"bench: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure deployctl against one hand-typed SSH session."
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often (5)")
    parser.add_argument(
        "--only",
        default="",
        metavar="WORDS",
        help='what to measure: scenarios that contain one of these, and "round trips"; '
        'with commas between, as in "no-op,status"',
    )
    parser.add_argument(
        "--ssh-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="for the hand-typed session, as after ssh -o",
    )
    parser.add_argument(
        "--update",
        type=Path,
        metavar="FILE",
        help="put the figures into this page, too (docs/performance.md)",
    )
    options = parser.parse_args()
    if options.update and options.only:
        parser.error("--update replaces all figures: leave --only out")
    return options


def _measure(vps: Vps, directory: Path, options: argparse.Namespace) -> str:
    workstation = Workstation(directory, vps)
    place = Place(vps.ip, 22)
    places = [Place(vps.ip, port) for port in vps.extra_sshds(HOSTS)]
    ours = Deployctl(workstation, place)
    typed = HandTyped(workstation, place, options.ssh_option)
    contenders: list[Contender] = [typed, ours, FabricScript(workstation, place)]
    stage = Stage(vps, workstation, ours)
    alone = Stage(vps, workstation, ours, dependency=False)
    scenarios = [
        *(replace(s, name=f"{s.name}, no dependency") for s in changes(contenders, alone)),
        *changes(contenders, stage),
        status(contenders, [place], stage),
        status(contenders, places, stage),
    ]
    chosen = [s for s in scenarios if _wanted(s.name, options.only)]
    results = measure(chosen, options.rounds, stage, workstation, _say)
    text = report.times(results) if chosen else ""
    if _wanted("round trips", options.only):
        trips = measure_round_trips(workstation, stage, options.rounds, options.ssh_option, _say)
        text += f"\nRound trips:\n\n{report.round_trips(trips)}"
    return f"{_circumstances(vps, stage, options)}\n\n{text}"


def _wanted(name: str, only: str) -> bool:
    return any(word.strip() in name for word in only.split(","))


def _circumstances(vps: Vps, stage: Stage, options: argparse.Namespace) -> str:
    """Say how, when and on what it was measured."""
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    docker = vps.run("docker version --format '{{.Server.Version}}'").stdout.strip()
    return (
        f"`python -m bench --rounds {options.rounds}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, "
        f"on {os.cpu_count()} cores ({report.processor()}) with Python "
        f"{platform.python_version()} and {' '.join([ssh.split(',')[0], *options.ssh_option])}; "
        f"the VPS with Docker {docker}. Median (least to most). Something else was at work on the "
        f"machine when {stage.disturbed} of {stage.settled} measurements began."
    )


def _say(text: str) -> None:
    print(f"# {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
