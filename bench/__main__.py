"""`python -m bench`: measure, and print tables of medians. `make bench` brings the engine."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import report
from bench.contenders import (
    Contender,
    Deployctl,
    FabricScript,
    HandTyped,
    HandTypedParallel,
    Style,
)
from bench.measure import measure
from bench.round_trips import measure_round_trips
from bench.scenarios import many_hosts, one_host
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
    except (CommandFailedError, WrongStateError, WorldError) as error:
        sys.exit(f"bench: {error}")
    print(text)
    if options.markdown:
        options.markdown.write_text(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure deployctl against one hand-typed SSH session."
    )
    parser.add_argument("--rounds", type=int, default=9, help="how often (9)")
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
        "--up",
        default=Style.up,
        metavar="WORDS",
        help=f"how the hand-typed session starts the service ({Style.up})",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    return parser.parse_args()


def _measure(vps: Vps, directory: Path, options: argparse.Namespace) -> str:
    workstation = Workstation(directory, vps)
    place = Place(vps.ip, 22)
    places = [Place(vps.ip, port) for port in vps.extra_sshds(HOSTS)]
    ours = Deployctl(workstation, place)
    style = Style(tuple(options.ssh_option), options.up)
    typed = HandTyped(workstation, place, style)
    contenders: list[Contender] = [typed, ours, FabricScript(workstation, place)]
    parallel = HandTypedParallel(workstation, place, style)
    stage = Stage(vps, workstation, ours)
    scenarios = [
        *one_host(contenders, place, stage),
        many_hosts([*contenders, parallel], places, stage),
    ]
    chosen = [s for s in scenarios if _wanted(s.name, options.only)]
    results = measure(chosen, options.rounds, stage, workstation, _say)
    text = f"{_machine(vps, options)}\n"
    if chosen:
        text += f"\n{report.times(results)}"
    if _wanted("round trips", options.only):
        trips = measure_round_trips(workstation, stage, options.rounds, style, _say)
        text += f"\nRound trips:\n\n{report.round_trips(trips)}"
    return text


def _wanted(name: str, only: str) -> bool:
    return any(word.strip() in name for word in only.split(","))


def _machine(vps: Vps, options: argparse.Namespace) -> str:
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    docker = vps.run("docker version --format '{{.Server.Version}}'").stdout.strip()
    up = [f"`{options.up}`"] if options.up != Style.up else []
    client = " ".join([ssh.split(",")[0].strip(), *options.ssh_option, *up])
    return report.machine(options.rounds, client, docker, f"{datetime.now(UTC):%Y-%m-%d}")


def _say(text: str) -> None:
    print(f"# {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
