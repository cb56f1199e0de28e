"""A VPS on which a job is under way: the client behind a proxy, the job stopped at a point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e import host
from tests.e2e.client import SERVICE, Client, Ended, Running
from tests.e2e.impatient import ImpatientClient
from tests.e2e.invariants import settle
from tests.e2e.steps import BACKEND_FILE, edit
from tests.faults.gate import Gate
from tests.faults.points import KEEP, Job, Point
from tests.faults.watch import Watch
from tests.vps.catalogue import GOOD
from tests.vps.proxy import DelayingProxy
from tests.vps.world import Vps

TIMEOUT = 90.0  # seconds; no fault keeps a client for longer


@dataclass
class Scene:
    """Where a fault strikes.

    Attributes:
        vps: the machine.
        gate: in the way of the machine's commands.
        proxy: between the client and the machine.
        client: that a fault may meet.
        bystander: a client without faults between, used to look and to go on.
        point: where the job stops.
        running: the job's client.
        database: id of its container.
        database_starts: how often it had started when the job began.
        watch: of the service, since before the job began.
        other: a command of somebody else's, at the same time.
    """

    vps: Vps
    gate: Gate
    proxy: DelayingProxy
    client: Client
    bystander: Client
    point: Point
    running: Running
    database: str
    database_starts: int
    watch: Watch
    other: Running | None = None

    @property
    def job(self) -> Job:
        """What is under way."""
        return self.point.job

    def ended(self) -> Ended:
        """Wait for the job's client to end."""
        return self.running.wait(timeout=TIMEOUT)


@contextmanager
def staged(
    vps: Vps,
    point: Point,
    directory: Path,
    *,
    prepare: Callable[[Vps], None] | None = None,
    kind: type[Client] = ImpatientClient,
) -> Iterator[Scene]:
    """Start a job and let it come as far as the point.

    Args:
        vps: in whatever state the last job left it.
        point: where the job stops.
        directory: for the clients.
        prepare: called with the VPS before the job starts.
        kind: of the job's client.
    """
    bystander = _machine(Client, directory / "bystander")
    settings = f"keep = {KEEP}\n"
    if point.job.keeps_tag:
        settings += "persist = true\n"
    bystander.write_inventory({"vps": vps}, service=settings)
    give_past(vps, bystander, point.job)
    (database,) = host.containers(vps, "db")
    if prepare is not None:
        prepare(vps)
    gate = Gate(vps)
    gate.install()
    client = _machine(kind, directory / "client")
    with DelayingProxy(vps.host, vps.port) as proxy:
        settings += 'health_timeout = "8s"\n'
        address = {"vps": (proxy.host, proxy.port)}
        client.write_inventory({"vps": vps}, addresses=address, service=settings)
        with Watch(vps, point.job.target) as watch:
            # Not earlier: the watch, too, asks docker when it begins.
            gate.close(point.phase, point.pattern, nth=point.nth)
            with client.start(*point.job.command) as running:
                scene = Scene(
                    vps,
                    gate,
                    proxy,
                    client,
                    bystander,
                    point,
                    running,
                    database=database["Id"],
                    database_starts=vps.db_counter(),
                    watch=watch,
                )
                gate.await_reached()
                yield scene


def give_past(vps: Vps, client: Client, job: Job) -> None:
    """Make the VPS what it was before a job: as it is remembered, or by deploying that.

    A tag that is kept in .env is not remembered.
    """
    name = f"before-{'-'.join(job.past)}"
    remembered = name in vps.memories and not job.keeps_tag
    vps.reset(name if remembered else "")
    if remembered:
        return
    if job.keeps_tag:
        keep_tag_for_one_service(vps)
    for tag in job.past:
        ended = client.run("deploy", SERVICE, tag)
        assert ended.exit_status == 0, ended.text
    settle(vps)
    if not job.keeps_tag:
        vps.remember(name)


def keep_tag_for_one_service(vps: Vps) -> None:
    """Give the other service of the project a tag of its own."""
    edit(vps, BACKEND_FILE, "enforcer-worker:${IMAGE_TAG}", f"enforcer-worker:{GOOD[0].tag}")


def _machine(kind: type[Client], directory: Path) -> Client:
    directory.mkdir()
    return kind(directory)
