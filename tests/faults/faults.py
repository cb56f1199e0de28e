"""What may go wrong, and how it is mended. Each strikes while a job has stopped at a point."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.e2e import host
from tests.e2e.client import COMPOSE_FILES, SERVICE
from tests.e2e.steps import BACKEND_FILE, edit
from tests.faults.points import DEPLOY, ROLLBACK, Point
from tests.faults.scene import TIMEOUT, Scene
from tests.vps.catalogue import GOOD
from tests.vps.world import INFRA, Vps

OTHER: Final = GOOD[2].tag
"""What a second deploy deploys."""
_ASLEEP = 4.0  # seconds; longer than the keepalive of the scene's client
_A_WHILE = 3.0  # seconds that docker is away: each call takes far less, a package upgrade as much
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
        cuts_off_compose: docker does a moment later what Compose had asked of it.
        keeps_from_starting: the new release can be made and not started, when the old one is gone.
        unrecorded: takes the history, or keeps the outcome from being written.
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
    cuts_off_compose: bool = False
    keeps_from_starting: bool = False
    unrecorded: bool = False

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


def _lose_half(scene: Scene) -> None:
    """Of the packets themselves, and not of what the proxy has acknowledged already."""
    scene.vps.run(
        "for way in 'INPUT --dport' 'OUTPUT --sport'; do\n"
        "  iptables -A ${way% *} -p tcp ${way#* } 22 -m statistic --mode random"
        " --probability 0.5 -j DROP\ndone"
    )


def _lose_none(scene: Scene) -> None:
    scene.vps.heal()


def _heal_when_noticed(scene: Scene) -> None:
    first = scene.proxy.traffic.connections
    while scene.proxy.traffic.connections == first and scene.running.process.poll() is None:
        time.sleep(0.05)
    scene.proxy.heal()


def _restart_sshd(scene: Scene) -> None:
    scene.vps.sshd_stop()
    scene.vps.run("pkill -KILL -x -u deploy,sshd 'sshd-session|sshd-auth' || true")
    scene.vps.sshd_start()


NETWORK = (
    Fault("reset", _cut),
    Fault("cut in a line", _cut_midway),
    Fault("silence for a while", _blackhole, _heal_when_noticed),
    Fault("silence for good", _blackhole, mend=_heal),
    Fault("half of the packets lost", _lose_half, mend=_lose_none),
    Fault("sshd restarted", _restart_sshd),
)


# ---------------------------------------------------------------- the host


def _kill_shells(*names: str) -> Callable[[Scene], None]:
    """Kill the shells of these names, one after the other, and not what they wait for."""

    def kill(scene: Scene) -> None:
        for name in names:
            host.kill_shells(scene.vps, name)

    return kill


_GUARDIAN, _RUN, _FOREGROUND = "deployctl-guard-[^ ]*", "deployctl-[0-9][^ ]*", "deployctl"


def _kill_command(scene: Scene) -> None:
    scene.gate.kill()


def _lie_in_wait_for_compose(scene: Scene) -> None:
    """To kill it in the middle of its work, as the out-of-memory killer would."""
    compose = '-u deploy -f "docker-compose compose.* up -d.* [e]nforcer-backend"'
    scene.vps.run(
        f"setsid sh -c 'until pgrep {compose}; do sleep 0.02; done; sleep 0.2;"
        f" pkill -KILL {compose} && touch /tmp/compose.killed' >/dev/null 2>&1 &"
        " echo $! >/tmp/compose.pid"
    )


def _await_killed_compose(scene: Scene) -> None:
    host.await_(scene.vps, "[ -e /tmp/compose.killed ]")


def _lie_in_wait_no_longer(scene: Scene) -> None:
    scene.vps.run("kill $(cat /tmp/compose.pid) 2>/dev/null || true")


def _restart_docker(scene: Scene) -> None:
    _stop_docker(scene)
    _start_docker(scene)


def _stop_docker(scene: Scene) -> None:
    scene.watch.docker_goes()
    scene.vps.dockerd_stop()


def _start_docker(scene: Scene) -> None:
    scene.vps.dockerd_start()
    scene.watch.docker_is_back()


def _start_docker_later(scene: Scene) -> None:
    time.sleep(_A_WHILE)
    _start_docker(scene)


def _hang_docker(scene: Scene) -> None:
    """Its socket is there, and the containers go on."""
    scene.vps.run("kill -STOP $(cat /run/vps/dockerd.pid)")


def _free_docker(scene: Scene) -> None:
    scene.vps.run("kill -CONT $(cat /run/vps/dockerd.pid)")


def _free_docker_later(scene: Scene) -> None:
    time.sleep(_A_WHILE)
    _free_docker(scene)


def _slow_docker_down(scene: Scene) -> None:
    scene.vps.run("echo 1 >/tmp/gate/slow")


def _speed_docker_up(scene: Scene) -> None:
    scene.vps.run("rm -f /tmp/gate/slow")


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
    scene.watch.docker_goes()
    scene.vps.power_cut()
    scene.watch.docker_is_back()


def _cut_power_in_the_recreate(scene: Scene) -> None:
    """While the old container stops: the new one is made, and was never started."""
    scene.watch.await_action("kill")
    _cut_power(scene)


def _turn_clock_back(scene: Scene) -> None:
    scene.vps.write(
        "/usr/local/bin/date",
        '#!/bin/sh\nexec /usr/bin/date -d "1 hour ago" "$@"\n',
        owner="root",
        mode=0o755,
    )


def _compose_works(point: Point) -> bool:
    return point.phase == "before" and point.name in {"up", "back"}


def _makes_it_anew(point: Point) -> bool:
    return point.phase == "before" and point.name == "up"


HOST = (
    Fault("transaction killed", _kill_shells(_GUARDIAN, _RUN, _FOREGROUND), kills=True),
    Fault("run killed", _kill_shells(_RUN)),
    Fault("guardian killed", _kill_shells(_GUARDIAN)),
    Fault("command killed", _kill_command, at=lambda point: point.at_docker),
    Fault(
        "compose killed",
        _lie_in_wait_for_compose,
        _await_killed_compose,
        _lie_in_wait_no_longer,
        at=_compose_works,
        cuts_off_compose=True,
        keeps_from_starting=True,
    ),
    Fault("docker restarted", _restart_docker, stops_docker=True),
    Fault("docker stopped", _stop_docker, mend=_start_docker, stops_docker=True),
    Fault("docker away", _stop_docker, _start_docker_later, stops_docker=True),
    Fault("docker hangs", _hang_docker, _free_docker_later, _free_docker),
    Fault("docker slow", _slow_docker_down, mend=_speed_docker_up),
    Fault("disk full", _fill_state, mend=_empty_state, prepare=_small_state),
    Fault(
        "disk full of images",
        _fill_images,
        mend=_empty_images,
        at=lambda point: point.pulls and point.phase == "before",
    ),
    Fault("power cut", _cut_power, kills=True, stops_docker=True),
    Fault(
        "power cut in the recreate",
        meanwhile=_cut_power_in_the_recreate,
        at=_makes_it_anew,
        kills=True,
        stops_docker=True,
    ),
    Fault("clock turned back", _turn_clock_back),
)


# ---------------------------------------------------------------- the new container

_BOUND = f"{INFRA}/bound"
_RUNC = "/usr/local/bin/runc"
_TAKE_PORT = """
use IO::Socket::INET;
my @at = (LocalAddr => "127.0.0.1", LocalPort => 8080, Listen => 5, ReuseAddr => 1);
my $port;
until ($port = IO::Socket::INET->new(@at)) { select undef, undef, undef, 0.002 }
open my $taken, ">", "/tmp/port.taken";
close $port->accept while 1;
"""


def _bind_a_directory(vps: Vps) -> None:
    vps.run(f"mkdir -p {_BOUND}")
    edit(
        vps,
        BACKEND_FILE,
        "    ports:\n",
        "    volumes:\n"
        f"      - {{type: bind, source: {_BOUND}, target: /bound,"
        " bind: {create_host_path: false}}\n"
        "    ports:\n",
    )


def _remove_what_is_bound(scene: Scene) -> None:
    scene.vps.run(f"rmdir {_BOUND}")


def _make_what_is_bound(scene: Scene) -> None:
    scene.vps.run(f"mkdir -p {_BOUND}")


def _small_images(vps: Vps) -> None:
    """Docker's own directory on a disk that can become full; it stays until the next reset."""
    vps.run(
        "! grep -q '^tmpfs /var/lib/docker ' /proc/mounts || exit 0\n"
        "/usr/lib/vps/service stop dockerd\n"
        "cp -a /var/lib/docker /tmp/docker && mount -t tmpfs -o size=4g tmpfs /var/lib/docker\n"
        "cp -a /tmp/docker/. /var/lib/docker/ && rm -r /tmp/docker\n"
        "/usr/lib/vps/service start dockerd"
    )
    host.await_(vps, "[ $(docker ps -q --filter health=healthy | wc -l) -eq 2 ]")


def _fill_docker(scene: Scene) -> None:
    scene.vps.run(
        "used=$(df -k --output=used /var/lib/docker | tail -n 1)\n"
        "mount -o remount,size=$((used))k /var/lib/docker"
    )


def _empty_docker(scene: Scene) -> None:
    scene.vps.run("mount -o remount,size=4g /var/lib/docker")


def _take_the_port(scene: Scene) -> None:
    """As soon as the old container is gone, which has it."""
    scene.vps.write("/tmp/port.pl", _TAKE_PORT, owner="root")
    scene.vps.run("setsid perl /tmp/port.pl >/dev/null 2>&1 & echo $! >/tmp/port.pid")


def _give_the_port_back(scene: Scene) -> None:
    """Once the first attempt has failed."""
    compose = "^[^ ]*docker-compose compose.* up -d"
    host.await_(scene.vps, f"[ -e /tmp/port.taken ] && ! pgrep -u deploy -f '{compose}' >/dev/null")
    _free_the_port(scene)


def _free_the_port(scene: Scene) -> None:
    scene.vps.run("kill $(cat /tmp/port.pid) 2>/dev/null || true")


def _no_signals(scene: Scene) -> None:
    """Docker kills such a container itself in the end, after its patience."""
    scene.vps.write(
        _RUNC,
        '#!/bin/sh\nfor word; do [ "$word" != kill ] || exit 1; done\nexec /usr/sbin/runc "$@"\n',
        owner="root",
        mode=0o755,
    )


def _signals(scene: Scene) -> None:
    scene.vps.run(f"rm -f {_RUNC}")


CONTAINER = (
    Fault(
        "create fails",
        _remove_what_is_bound,
        mend=_make_what_is_bound,
        prepare=_bind_a_directory,
        at=_makes_it_anew,
    ),
    Fault(
        "disk full at the create",
        _fill_docker,
        mend=_empty_docker,
        prepare=_small_images,
        at=_compose_works,
    ),
    Fault(
        "start fails",
        _take_the_port,
        _give_the_port_back,
        _free_the_port,
        at=_compose_works,
        keeps_from_starting=True,
    ),
    Fault("stop fails", _no_signals, mend=_signals, at=_makes_it_anew),
)


# ---------------------------------------------------------------- the files of deployctl


def _remove(path: str) -> Callable[[Scene], None]:
    def remove(scene: Scene) -> None:
        scene.vps.run(f"rm -rf {path}", user="deploy")

    return remove


def _close_state(scene: Scene) -> None:
    """For root, too: no mode of a file does that."""
    scene.vps.run(
        f"mkdir -p {host.STATE} && mount --bind {host.STATE} {host.STATE}"
        f" && mount -o remount,bind,ro {host.STATE}"
    )


def _open_state(scene: Scene) -> None:
    scene.vps.run(f"umount -l {host.STATE} || true")


FILES = (
    Fault("state directory removed", _remove(host.STATE), unrecorded=True),
    Fault("history removed", _remove(host.HISTORY), unrecorded=True),
    Fault("runs removed", _remove(f"{host.STATE}/runs"), unrecorded=True),
    Fault("run directory removed", _remove(f"{host.STATE}/runs/*"), unrecorded=True),
    Fault("lock removed", _remove(host.LOCK)),
    Fault("state directory read-only", _close_state, mend=_open_state, unrecorded=True),
)


# ---------------------------------------------------------------- the registry


def _stop_registry(scene: Scene) -> None:
    scene.vps.registry_stop()


def _start_registry(scene: Scene) -> None:
    # What stands in for it listens for a moment after it was killed.
    scene.vps.run(
        "pkill -KILL -f '[b]usybox nc -ll'\n"
        ". /usr/lib/vps/await; closed() { [ -z \"$(ss -Hltn 'sport = :5000')\" ]; }\n"
        "await 10 closed"
    )
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


def _begin_to_abort(scene: Scene) -> None:
    """Until the host has taken it, or has refused it."""
    scene.other = scene.bystander.start("abort", SERVICE)
    while scene.other.process.poll() is None:
        if scene.vps.run("pgrep -u deploy -f ' abort --state ' || true").stdout:
            return


def _await_abort(scene: Scene) -> None:
    """What served before is back, or there was nothing to abort."""
    assert scene.other
    ended = scene.other.wait(timeout=TIMEOUT)
    assert ended.exit_status in {0, 3}, ended.text


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
    Fault("abort", _begin_to_abort, _await_abort),
    Fault("up by hand", _up_by_hand, meddles=True),
    Fault("stop by hand", _stop_by_hand, meddles=True),
    Fault("files edited", _edit_files, meddles=True),
    Fault("images pruned", _prune_by_hand, meddles=True),
)

STRUCK: Final = {
    "the client": CLIENT,
    "the network": NETWORK,
    "the host": HOST,
    "the new container": CONTAINER,
    "the files of deployctl": FILES,
    "the registry": REGISTRY,
    "people": PEOPLE,
}
FAULTS: Final = tuple(fault for faults in STRUCK.values() for fault in faults)
