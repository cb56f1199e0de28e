"""What serves is left alone: a run does the least that is needed, and waits for docker."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.invariants import assert_sound, settle
from tests.e2e.steps import BACKEND_FILE, container_ids, deploy, edit, make_unhealthy
from tests.faults.gate import Gate, held_back
from tests.thorough import thorough
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD, IGNORES_SIGTERM, Release
from tests.vps.world import INFRA, Vps

OLD, NEW, OTHER = GOOD[0], GOOD[1], GOOD[2]
UP = "docker compose *up -d*"
KILLER = f"""
docker events --filter event=kill --format '{{{{{{{{.ID}}}}}}}}' | while read -r _; do
    ! grep -qs '"restore"' {host.STATE}/runs/*/events || exit 0
    {{meanwhile}}
    pkill -KILL -f '[d]ocker-compose compose.*up -d'
done
"""
"""Kills each `docker compose up` as soon as it stops a container, while the run goes forward."""
BUSY = f"seq 300 | xargs -P 8 -I@ docker tag {IGNORES_SIGTERM.image} busy:@"
"""So much happens on the host that Docker forgets what happened before; it keeps 256 events."""
PORTS = "    networks:\n      - backend\n    ports:"
BIND = """\
    volumes:
      - type: bind
        source: /opt/infra/settings
        target: /settings
        bind:
          create_host_path: false
"""


def what_runs(vps: Vps) -> list[tuple[str, str]]:
    """The service's containers: the id of each, and since when it runs."""
    return [(each["Id"], each["State"]["StartedAt"]) for each in host.containers(vps)]


def last_line(vps: Vps) -> Any:
    return host.history(vps)[-1]


# ---------------------------------------------------------------- what cannot be made


def test_where_the_new_container_cannot_be_made_the_old_one_goes_on(
    deployed: Client, vps: Vps
) -> None:
    before = what_runs(vps)
    edit(vps, BACKEND_FILE, PORTS, BIND + PORTS)

    ended = deployed.run("deploy", SERVICE, NEW.tag)

    assert ended.exit_status == 6, ended.text
    assert what_runs(vps) == before
    assert (last_line(vps)["reason"], last_line(vps)["rung"]) == ("up-failed", "untouched")
    assert f"{OLD.tag} runs as before" in ended.stderr
    assert vps.served() == OLD.tag


def test_what_ran_before_deployctl_came_goes_on(ready: Client, vps: Vps) -> None:
    """Somebody made it of an image with another name: there is no tag that could be put back."""
    vps.run(f"docker pull -q {OLD.image} && docker tag {OLD.image} handmade:latest")
    ours = "localhost:5000/enforcer-backend:${IMAGE_TAG}"
    edit(vps, BACKEND_FILE, ours, "handmade:latest")
    vps.run(
        f"cd {INFRA} && IMAGE_TAG=none docker compose -f compose/docker-compose.yml"
        f" -f compose/enforcer/docker-compose.yml up -d --wait {SERVICE}"
    )
    before = what_runs(vps)
    edit(vps, BACKEND_FILE, "handmade:latest", ours)
    edit(vps, BACKEND_FILE, PORTS, BIND + PORTS)

    ended = ready.run("deploy", SERVICE, NEW.tag)

    assert ended.exit_status == 6, ended.text
    assert what_runs(vps) == before
    assert "what ran before runs as before" in ended.stderr
    assert vps.served() == OLD.tag


def test_a_rollback_from_a_sick_release_that_is_killed_stays(deployed: Client, vps: Vps) -> None:
    """Its guardian has nothing well to go back to, and leaves what got well."""
    deploy(deployed, vps, NEW)
    make_unhealthy(vps)
    gate = Gate(vps)
    gate.install()
    gate.close("after", UP)
    with deployed.start("rollback", SERVICE) as running:
        gate.await_reached()
        brought = container_ids(vps)
        host.kill_transaction(vps, host.unfinished_run(vps))
        gate.open()
        ended = running.wait()

    assert ended.exit_status == 0, ended.text
    assert "the run was killed on the host" in ended.text
    assert container_ids(vps) == brought
    settle(vps)
    assert assert_sound(vps, deployed) == OLD.tag


@pytest.mark.thorough
def test_what_the_kept_configuration_needs_and_is_gone_is_made_with_todays_files(
    ready: Client, vps: Vps
) -> None:
    """A secret that was changed since: the old container cannot be made as it was."""
    old, new = f"{INFRA}/settings", f"{INFRA}/rotated"
    vps.run(f"mkdir {old} {new}")
    edit(vps, BACKEND_FILE, PORTS, BIND + PORTS)
    deploy(ready, vps, OLD)
    edit(vps, BACKEND_FILE, f"source: {old}", f"source: {new}")
    vps.run(f"rmdir {old}")

    ended = ready.run("deploy", SERVICE, EXITS_AT_ONCE.tag)

    assert ended.exit_status == 6, ended.text
    assert last_line(vps)["rung"] == "forced"
    settle(vps)
    assert assert_sound(vps, ready, db_starts=vps.db_counter()) == OLD.tag


# ---------------------------------------------------------------- docker is away


@pytest.mark.parametrize(
    ("call", "release", "exit_status", "serves"),
    [
        thorough("docker tag *localhost:5000*", NEW, 0, NEW, name="tag"),
        pytest.param(UP, NEW, 0, NEW, id="up"),
        pytest.param(f"docker tag *{SERVICE}:{OLD.tag}", EXITS_AT_ONCE, 6, OLD, id="restore"),
    ],
)
def test_a_run_waits_for_docker_and_goes_on(
    deployed: Client, vps: Vps, call: str, release: Release, exit_status: int, serves: Release
) -> None:
    gate = Gate(vps)
    gate.install()
    gate.close("before", call)
    with deployed.start("deploy", SERVICE, release.tag) as running:
        gate.await_reached()
        gate.open_with_docker_away()
        ended = running.wait()

    assert ended.exit_status == exit_status, ended.text
    settle(vps)
    assert assert_sound(vps, deployed, db_starts=vps.db_counter()) == serves.tag


# ---------------------------------------------------------------- recreates that were cut off


def cut_a_recreate(vps: Vps, release: Release) -> None:
    """Kill a recreate by hand while it stops the old container, and start that one again."""
    old = container_ids(vps)
    vps.run(
        f"cd {INFRA}; export IMAGE_TAG={release.tag}; docker pull -q {release.image} >/dev/null\n"
        "setsid docker compose -f compose/docker-compose.yml -f compose/enforcer/docker-compose.yml"
        f" up -d {SERVICE} >/dev/null 2>&1 </dev/null &\n"
        f"until docker ps -a --format '{{{{.Names}}}}' | grep -q '_compose-{SERVICE}'; do :; done\n"
        "pkill -KILL -x docker-compose; pkill -KILL -P $!; kill -KILL $!\n"
        f"timeout 30 docker wait {old[0]} >/dev/null; docker start {old[0]}"
    )
    host.await_(
        vps, f"[ \"$(docker inspect -f '{{{{.State.Health.Status}}}}' {old[0]})\" = healthy ]"
    )


def test_what_a_cut_recreate_left_is_removed_before_anything_is_started(
    ready: Client, vps: Vps
) -> None:
    deploy(ready, vps, IGNORES_SIGTERM)
    before = what_runs(vps)
    cut_a_recreate(vps, OTHER)
    assert len(container_ids(vps)) == len(before) + 1
    # The new configuration keeps the next recreate from making a container.
    edit(vps, BACKEND_FILE, PORTS, BIND + PORTS)

    ended = ready.run("deploy", SERVICE, NEW.tag)

    assert ended.exit_status == 6, ended.text
    assert [each for each, _ in what_runs(vps)] == [each for each, _ in before]
    assert vps.served() == IGNORES_SIGTERM.tag


@pytest.mark.parametrize(
    ("grace", "meanwhile"),
    [
        pytest.param("10s", "", id="as-always"),
        thorough("25s", BUSY, name="docker-has-forgotten-it"),
        thorough("25s", "", name="it-was-made-with-more-time"),
    ],
)
def test_an_old_container_that_is_being_stopped_is_started_again(
    ready: Client, vps: Vps, grace: str, meanwhile: str
) -> None:
    edit(vps, BACKEND_FILE, PORTS, f"    stop_grace_period: {grace}\n{PORTS}")
    deploy(ready, vps, IGNORES_SIGTERM)
    edit(vps, BACKEND_FILE, f"stop_grace_period: {grace}", "stop_grace_period: 1s")
    before = container_ids(vps)
    vps.write("/tmp/killer", KILLER.format(meanwhile=meanwhile), owner="root")
    killer = vps.run("setsid sh /tmp/killer >/dev/null 2>&1 </dev/null & echo $!").stdout.strip()

    ended = ready.run("deploy", SERVICE, NEW.tag)

    vps.run(f"kill -- -{killer} 2>/dev/null || true")
    assert ended.exit_status == 6, ended.text
    assert container_ids(vps) == before
    assert last_line(vps)["rung"] == "started"
    settle(vps)
    assert assert_sound(vps, ready) == IGNORES_SIGTERM.tag


# ---------------------------------------------------------------- the lock


@pytest.mark.parametrize(
    "gone", [thorough(host.LOCK, name="lock"), pytest.param(host.STATE, id="directory")]
)
def test_a_lock_that_is_removed_still_keeps_others_out(
    deployed: Client, vps: Vps, gone: str
) -> None:
    with held_back(vps, deployed, NEW.tag) as (running, gate):
        vps.run(f"rm -rf {gone}")
        others = [deployed.run("deploy", SERVICE, OTHER.tag), deployed.run("status", SERVICE)]
        gate.open()
        won = running.wait()

    assert [each.exit_status for each in others] == [5, 0], others[0].text
    assert NEW.tag in others[0].stderr
    assert "deploying" in others[1].stdout
    assert won.exit_status == 0, won.text
    assert vps.served() == NEW.tag
