"""What may go wrong, and how it is mended. Each strikes while a job has stopped at a point."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE
from tests.faults.points import DEPLOY, ROLLBACK, Point
from tests.faults.scene import Scene
from tests.vps.catalogue import GOOD
from tests.vps.world import INFRA, Vps

OTHER: Final = GOOD[2].tag
"""What a second deploy deploys."""
_ASLEEP = 4.0  # seconds; longer than the keepalive of the scene's client
_MIDWAY = 60  # bytes: more than a packet of SSH, less than a history line


def _nothing(_: Scene) -> None:
    pass


def _anywhere(_: Point) -> bool:
    return True


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: in the tests' names.
        strike: makes it happen, while the job has stopped.
        meanwhile: what happens once the job goes on.
        mend: ends it, when the client has ended.
        prepare: makes the VPS such that it can happen.
        at: the points where it makes a difference.
        kills: the transaction or the machine: the outcome comes with the next command.
        meddles: somebody else changes what runs.
        stops_docker: containers stop for a while.
    """

    name: str
    strike: Callable[[Scene], None] = _nothing
    meanwhile: Callable[[Scene], None] = _nothing
    mend: Callable[[Scene], None] = _nothing
    prepare: Callable[[Vps], None] | None = None
    at: Callable[[Point], bool] = _anywhere
    kills: bool = False
    meddles: bool = False
    stops_docker: bool = False

    def __str__(self) -> str:
        return self.name


# ---------------------------------------------------------------- the client


def _signal(number: signal.Signals) -> Callable[[Scene], None]:
    def send(scene: Scene) -> None:
        scene.running.process.send_signal(number)

    return send


def _fall_asleep(scene: Scene) -> None:
    scene.running.process.send_signal(signal.SIGSTOP)
    scene.proxy.blackhole()


def _wake_up(scene: Scene) -> None:
    woken = time.monotonic() + _ASLEEP
    while time.monotonic() < woken:
        time.sleep(0.1)
    scene.proxy.heal()
    scene.running.process.send_signal(signal.SIGCONT)


CLIENT = (
    Fault("ctrl-c", _signal(signal.SIGINT)),
    Fault("sigterm", _signal(signal.SIGTERM)),
    Fault("sigkill", _signal(signal.SIGKILL)),
    Fault("asleep", _fall_asleep, _wake_up),
)


# ---------------------------------------------------------------- the network


def _cut(scene: Scene) -> None:
    scene.proxy.cut()


def _cut_midway(scene: Scene) -> None:
    scene.proxy.cut_after(_MIDWAY)


def _blackhole(scene: Scene) -> None:
    scene.proxy.blackhole()


def _heal(scene: Scene) -> None:
    scene.proxy.heal()


def _heal_when_noticed(scene: Scene) -> None:
    first = scene.proxy.traffic.connections
    while scene.proxy.traffic.connections == first and scene.running.process.poll() is None:
        time.sleep(0.05)
    scene.proxy.heal()


def _restart_sshd(scene: Scene) -> None:
    scene.vps.sshd_stop()
    scene.vps.run("pkill -KILL -x -u deploy,root 'sshd-session|sshd-auth' || true")
    scene.vps.sshd_start()


NETWORK = (
    Fault("reset", _cut),
    Fault("cut in a line", _cut_midway),
    Fault("silence for a while", _blackhole, _heal_when_noticed),
    Fault("silence for good", _blackhole, mend=_heal),
    Fault("sshd restarted", _restart_sshd),
)


# ---------------------------------------------------------------- the host


def _kill_transaction(scene: Scene) -> None:
    """The shells that run it, in front or detached, and not the command that one waits for."""
    scene.vps.run(
        "for process in /proc/[0-9]*; do\n"
        '  fourth=$(tr "\\0" "\\n" <"$process/cmdline" 2>/dev/null | sed -n 4p)\n'
        '  case $fourth in deployctl | deployctl-*) kill -KILL "${process#/proc/}" ;; esac\n'
        "done"
    )


def _kill_command(scene: Scene) -> None:
    scene.gate.kill()


def _kill_compose(scene: Scene) -> None:
    """In the middle of its work, as the out-of-memory killer would."""
    compose = "docker-compose compose.* up -d.* [e]nforcer-backend"
    host.await_(scene.vps, f"pkill -KILL -u deploy -f '{compose}'")


def _restart_docker(scene: Scene) -> None:
    scene.vps.dockerd_restart()


def _stop_docker(scene: Scene) -> None:
    scene.vps.dockerd_stop()


def _start_docker(scene: Scene) -> None:
    scene.vps.dockerd_start()


def _small_state(vps: Vps) -> None:
    vps.run(
        f"cp -a {host.STATE} /tmp/state && mount -t tmpfs -o size=1m tmpfs {host.STATE}\n"
        f"cp -a /tmp/state/. {host.STATE}/; rm -r /tmp/state; chown deploy: {host.STATE}"
    )


def _fill_state(scene: Scene) -> None:
    scene.vps.run(f"dd if=/dev/zero of={host.STATE}/filler bs=4k 2>/dev/null || true")


def _empty_state(scene: Scene) -> None:
    scene.vps.run(f"rm -f {host.STATE}/filler")


def _fill_images(scene: Scene) -> None:
    scene.vps.run("mount -t tmpfs -o size=4k tmpfs /var/lib/docker/tmp")


def _empty_images(scene: Scene) -> None:
    scene.vps.run("umount -l /var/lib/docker/tmp")


def _cut_power(scene: Scene) -> None:
    scene.vps.power_cut()


def _turn_clock_back(scene: Scene) -> None:
    scene.vps.write(
        "/usr/local/bin/date",
        '#!/bin/sh\nexec /usr/bin/date -d "1 hour ago" "$@"\n',
        owner="root",
        mode=0o755,
    )


def _compose_works(point: Point) -> bool:
    return point.phase == "before" and point.name in {"up", "back"}


HOST = (
    Fault("transaction killed", _kill_transaction, kills=True),
    Fault("command killed", _kill_command, at=lambda point: point.at_docker),
    Fault("compose killed", meanwhile=_kill_compose, at=_compose_works),
    Fault("docker restarted", _restart_docker, stops_docker=True),
    Fault("docker stopped", _stop_docker, mend=_start_docker, stops_docker=True),
    Fault("disk full", _fill_state, mend=_empty_state, prepare=_small_state),
    Fault(
        "disk full of images",
        _fill_images,
        mend=_empty_images,
        at=lambda point: point.pulls and point.phase == "before",
    ),
    Fault("power cut", _cut_power, kills=True, stops_docker=True),
    Fault("clock turned back", _turn_clock_back),
)


# ---------------------------------------------------------------- the registry


def _stop_registry(scene: Scene) -> None:
    scene.vps.registry_stop()


def _start_registry(scene: Scene) -> None:
    scene.vps.run("pkill -KILL -f '[b]usybox nc -ll' || true")
    scene.vps.registry_start()


def _stall_registry(scene: Scene) -> None:
    scene.vps.run("kill -STOP $(cat /run/vps/registry.pid)")


def _kill_registry_in_a_pull(scene: Scene) -> None:
    host.await_(scene.vps, "pgrep -u deploy -f '^/usr/bin/docker pull ' >/dev/null")
    scene.vps.run("kill -KILL $(cat /run/vps/registry.pid)")


def _registry_that_answers(*lines: str) -> Callable[[Scene], None]:
    answer = "".join(f"{line}\\r\\n" for line in (*lines, "Content-Length: 0", "Connection: close"))

    def replace(scene: Scene) -> None:
        scene.vps.registry_stop()
        scene.vps.write(
            "/tmp/answer",
            f"#!/bin/sh\nread -r _\nprintf '{answer}\\r\\n'\n",
            owner="root",
            mode=0o755,
        )
        scene.vps.run(
            "setsid busybox nc -ll -p 5000 -e /tmp/answer >/dev/null 2>&1 </dev/null &\n"
            ". /usr/lib/vps/await; listens() { [ -n \"$(ss -Hltn 'sport = :5000')\" ]; }\n"
            "await 10 listens"
        )

    return replace


def _before_the_pull(point: Point) -> bool:
    return point.job is DEPLOY and not point.begun and point.pulls


REGISTRY = (
    Fault("registry stopped", _stop_registry, mend=_start_registry, at=_before_the_pull),
    Fault(
        "registry killed in the pull",
        _stall_registry,
        _kill_registry_in_a_pull,
        _start_registry,
        at=lambda point: point.job is DEPLOY and str(point).endswith("before-pull"),
    ),
    Fault(
        "registry broken",
        _registry_that_answers("HTTP/1.1 500 Internal Server Error"),
        mend=_start_registry,
        at=_before_the_pull,
    ),
    Fault(
        "registry wants a login",
        _registry_that_answers("HTTP/1.1 401 Unauthorized", 'WWW-Authenticate: Basic realm="r"'),
        mend=_start_registry,
        at=_before_the_pull,
    ),
)


# ---------------------------------------------------------------- people


def _deploy_too(scene: Scene) -> None:
    ended = scene.bystander.run("deploy", SERVICE, OTHER)
    assert ended.exit_status in {0, 5}, ended.text


def _roll_back_too(scene: Scene) -> None:
    ended = scene.bystander.run("rollback", SERVICE)
    assert ended.exit_status in {0, 3, 5}, ended.text


def _up_by_hand(scene: Scene) -> None:
    scene.vps.up(scene.job.before, wait=False)


def _stop_by_hand(scene: Scene) -> None:
    scene.vps.run(f"docker ps -q --filter name={SERVICE} | xargs -r docker stop -t 1")


def _edit_files(scene: Scene) -> None:
    scene.vps.run(f"sed -i 's/retries: 3/retries: 4/' {INFRA}/{COMPOSE_FILES[1]}")


def _prune_by_hand(scene: Scene) -> None:
    scene.vps.run("docker image prune -af")


PEOPLE = (
    Fault("deploy at the same time", _deploy_too, meddles=True),
    Fault(
        "rollback at the same time",
        _roll_back_too,
        at=lambda point: point.job is not ROLLBACK,
        meddles=True,
    ),
    Fault("up by hand", _up_by_hand, meddles=True),
    Fault("stop by hand", _stop_by_hand, meddles=True),
    Fault("files edited", _edit_files, meddles=True),
    Fault("images pruned", _prune_by_hand, meddles=True),
)

FAULTS: Final = (*CLIENT, *NETWORK, *HOST, *REGISTRY, *PEOPLE)
