"""The points of a deploy at which faults strike, each long enough to be met without luck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE, Client, Running
from tests.vps.catalogue import GOOD, IGNORES_SIGTERM, NEVER_HEALTHY, Kind
from tests.vps.engine import WorldError
from tests.vps.world import INFRA, Vps

SLOW_TO_STOP = "compose/slow-to-stop.yml"
UNHEALTHY_AND_DEAF = "sha-0bad0df"
"""Never healthy, and has to be killed: putting the old release back takes a while."""

_OVERRIDE = """\
services:
  enforcer-backend:
    stop_grace_period: {grace}
    healthcheck:
      test:
        - CMD
        - sh
        - -c
        - wget -q -O /dev/null http://127.0.0.1:8080/health && [ $$RELEASE != {deaf} ]
      interval: 500ms
"""


@dataclass(frozen=True)
class Point:
    """A point of a deploy that replaces one release by another.

    Attributes:
        name: of a step of the transaction, or "pull", which comes before it.
        before: tag that runs.
        tag: tag that is deployed.
        outcome: event that ends the run if it goes on by itself; empty: it has not begun.
        serves: tag that is served in the end.
        exit_status: of whoever sees the outcome.
    """

    name: str
    before: str
    tag: str
    outcome: str
    serves: str
    exit_status: int

    @property
    def begun(self) -> bool:
        """Whether the transaction goes on by itself from here."""
        return bool(self.outcome)


PULL = Point("pull", GOOD[0].tag, GOOD[1].tag, "", GOOD[0].tag, 4)
UP = Point("up", IGNORES_SIGTERM.tag, GOOD[1].tag, "succeeded", GOOD[1].tag, 0)
HEALTH = Point("health", GOOD[0].tag, NEVER_HEALTHY.tag, "restored", GOOD[0].tag, 6)
RESTORE = Point("restore", GOOD[0].tag, UNHEALTHY_AND_DEAF, "restored", GOOD[0].tag, 6)


def write_inventory(
    client: Client, vps: Vps, *, addresses: Mapping[str, tuple[str, int]] | None = None
) -> None:
    """Write an inventory with the compose files that make the points long."""
    client.write_inventory(
        {"vps": vps}, compose_files=(*COMPOSE_FILES, SLOW_TO_STOP), addresses=addresses
    )


def prepare(vps: Vps, client: Client, point: Point, *, grace: str = "2s") -> None:
    """Deploy the release that runs before, with a client that no fault meets.

    grace: that a container has to stop in.
    """
    override = _OVERRIDE.format(grace=grace, deaf=UNHEALTHY_AND_DEAF)
    vps.write(f"{INFRA}/{SLOW_TO_STOP}", override)
    if point is RESTORE:
        vps.push(UNHEALTHY_AND_DEAF, text=UNHEALTHY_AND_DEAF, kind=Kind.IGNORES_SIGTERM)
    write_inventory(client, vps)
    ended = client.run("deploy", SERVICE, point.before)
    assert ended.exit_status == 0, ended.text


@contextmanager
def reached(vps: Vps, client: Client, point: Point, *options: str) -> Iterator[Running]:
    """A deploy that has got to the point. A pull stays there until the block ends."""
    with (
        host.registry_stalled(vps) if point is PULL else nullcontext(),
        client.start("deploy", SERVICE, point.tag, *options) as running,
    ):
        try:
            if point is PULL:
                host.await_pull(vps)
            else:
                host.await_step(vps, point.name)
        except WorldError as error:
            running.terminate()
            raise AssertionError(f"never got there: {running.wait().text}") from error
        yield running
