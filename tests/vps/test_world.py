"""The test world is what it says, and a reset really puts it back."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.vps.catalogue import (
    ATTESTED,
    CRASH_LOOPS,
    EXITS_AT_ONCE,
    GOOD,
    HOSTILE_LOGS,
    IGNORES_SIGTERM,
    NEVER_HEALTHY,
    NO_LABEL,
    NO_SUCH_TAG,
    RELEASES,
    WRONG_LABEL,
    Release,
)
from tests.vps.engine import WorldError
from tests.vps.world import (
    COMPOSE_FILES,
    NO_HEALTHCHECK,
    REGISTRY_AUTH,
    REGISTRY_PASSWORD,
    REGISTRY_USER,
    SCALED,
    Vps,
)

if TYPE_CHECKING:
    from pathlib import Path

BY_HAND = (
    f"cd /opt/infra; export IMAGE_TAG={GOOD[0].tag}; docker compose -f compose/docker-compose.yml"
    " -f compose/enforcer/docker-compose.yml up -d --wait enforcer-backend"
)
REVISION = '{{index .Labels "org.opencontainers.image.revision"}}'


def ssh(
    vps: Vps, known_hosts: Path, *command: str, user: str = "deploy", options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    known_hosts.write_text(vps.known_hosts())
    flags = ("-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={known_hosts}")
    login = ("-i", str(vps.identity_file), "-p", str(vps.port), f"{user}@{vps.host}")
    return subprocess.run(
        ["ssh", *flags, *options, *login, *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def containers(vps: Vps) -> str:
    return vps.run("docker ps -a --format '{{.Names}}' | sort").stdout


def test_a_person_deploys_by_hand_over_ssh(vps: Vps, tmp_path: Path) -> None:
    done = ssh(vps, tmp_path / "known_hosts", BY_HAND)

    assert done.returncode == 0, done.stderr
    assert vps.served() == GOOD[0].tag
    assert vps.served("/health") == "ok"
    assert vps.db_counter() == 1


@pytest.mark.thorough
def test_the_fingerprint_is_the_one_that_ssh_keygen_prints(vps: Vps) -> None:
    for kind in ("ed25519", "rsa"):
        listing = vps.run(f"ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub").stdout
        assert listing.split()[1] == vps.fingerprint(kind)


@pytest.mark.parametrize(
    ("user", "docker", "sudo"),
    [("deploy", 0, 1), ("nodocker", 1, 0), ("plain", 1, 1)],
)
def test_each_user_may_do_what_its_name_says(
    vps: Vps, tmp_path: Path, user: str, docker: int, sudo: int
) -> None:
    done = ssh(vps, tmp_path / "hosts", "docker ps; echo $?; sudo -n true; echo $?", user=user)

    assert done.stdout.split()[-2:] == [str(docker), str(sudo)]


@pytest.mark.thorough
def test_a_second_vps_has_other_host_keys_and_is_reached_through_the_first(
    vps: Vps, second_vps: Vps
) -> None:
    assert vps.fingerprint() != second_vps.fingerprint()

    banner = vps.run(f"timeout 5 bash -c 'head -c 4 </dev/tcp/{second_vps.ip}/22'")

    assert banner.stdout == "SSH-"


def test_every_release_is_in_the_registry_with_its_revision_label(vps: Vps) -> None:
    inspect = f"skopeo inspect --tls-verify=false --format '{REVISION}'"
    images = " ".join(release.image for release in RELEASES)

    labels = vps.run(f"for image in {images}; do {inspect} docker://$image; done").stdout

    assert labels.splitlines() == [release.revision or "" for release in RELEASES]
    assert all(release.commit.startswith(release.tag[4:]) for release in RELEASES)
    honest = {release for release in RELEASES if release.revision == release.commit}
    assert set(RELEASES) - honest == {WRONG_LABEL, NO_LABEL}


@pytest.mark.thorough
def test_a_release_that_is_never_healthy_serves_all_the_same(vps: Vps) -> None:
    with pytest.raises(WorldError, match="unhealthy"):
        vps.up(NEVER_HEALTHY.tag)

    assert vps.served() == NEVER_HEALTHY.tag
    assert vps.served("/health") is None


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("release", "seconds", "last_words"),
    [
        (EXITS_AT_ONCE, 0, "FATAL: DATABASE_URL is not set"),
        (CRASH_LOOPS, 2, "FATAL: migration 0042 failed"),
    ],
)
def test_some_releases_exit_by_themselves(
    vps: Vps, release: Release, seconds: int, last_words: str
) -> None:
    begin = time.monotonic()
    done = vps.run(f"docker run --rm {release.image}", check=False)

    assert done.returncode == 1
    assert last_words in done.stderr
    assert time.monotonic() - begin >= seconds


@pytest.mark.thorough
@pytest.mark.parametrize(("release", "status"), [(GOOD[0], "0"), (IGNORES_SIGTERM, "137")])
def test_sigterm_ends_a_good_release_at_once(vps: Vps, release: Release, status: str) -> None:
    vps.up(release.tag)
    assert vps.served() == release.tag
    name = "compose-enforcer-backend-1"

    vps.run(f"docker stop -t {1 if release is IGNORES_SIGTERM else 30} {name}")

    assert vps.run(f"docker inspect -f '{{{{.State.ExitCode}}}}' {name}").stdout.strip() == status


@pytest.mark.thorough
def test_hostile_logs_are_hostile(vps: Vps) -> None:
    vps.run(f"docker run -d --name hostile {HOSTILE_LOGS.image}")
    last = "docker logs hostile | grep -q 'the last honest'"
    vps.run(f"until {last}; do sleep 0.05; done", timeout=30)

    logs = vps.run("docker logs hostile").stdout

    for poison in ("\x1b[2J", "::error title=forged::", "[bold red]", "\ufffd", "\x9b3J", "\u202e"):
        assert poison in logs


@pytest.mark.thorough
def test_the_variants_of_the_compose_project_run(vps: Vps) -> None:
    vps.up(GOOD[0].tag, files=(*COMPOSE_FILES, SCALED))
    assert containers(vps).count("enforcer-backend") == 2

    vps.up(GOOD[1].tag, files=(*COMPOSE_FILES, NO_HEALTHCHECK), wait=False)
    state = vps.run("docker inspect -f '{{.State.Health}}' $(docker ps -q | head -n 1)")
    assert containers(vps).count("enforcer-backend") == 1
    assert state.stdout.strip() == "<nil>"


@pytest.mark.thorough
def test_an_attested_release_runs_by_the_digest_of_its_index(vps: Vps) -> None:
    vps.up(ATTESTED.tag)

    assert vps.served() == ATTESTED.tag
    digests = vps.run(f"docker inspect -f '{{{{.RepoDigests}}}}' {ATTESTED.image}").stdout
    assert vps.digest(ATTESTED.tag) in digests
    kinds = vps.run(f"skopeo inspect --raw --tls-verify=false docker://{ATTESTED.image}").stdout
    assert "attestation-manifest" in kinds


@pytest.mark.thorough
def test_a_tag_can_be_moved(vps: Vps) -> None:
    before = vps.digest(GOOD[0].tag)

    pushed = vps.repush(GOOD[0].tag)

    assert before != pushed == vps.digest(GOOD[0].tag)
    vps.up(GOOD[0].tag)
    assert vps.served() == f"{GOOD[0].tag}-moved"


@pytest.mark.thorough
def test_the_registry_can_be_gone_or_ask_for_a_login(vps: Vps) -> None:
    private = GOOD[0].image.replace("localhost:5000", REGISTRY_AUTH)
    pull = f"docker pull -q {private}"
    vps.registry_stop()
    assert vps.run(f"docker pull -q {GOOD[0].image}", user="deploy", check=False).returncode == 1

    vps.registry_auth_start()
    assert vps.run(pull, user="deploy", check=False).returncode == 1

    login = f"docker login -u {REGISTRY_USER} --password-stdin {REGISTRY_AUTH}"
    vps.run(login, user="deploy", stdin=REGISTRY_PASSWORD)
    assert vps.run(pull, user="deploy").stdout.strip() == private


@pytest.mark.thorough
def test_an_unknown_tag_is_not_in_the_registry(vps: Vps) -> None:
    with pytest.raises(WorldError):
        vps.digest(NO_SUCH_TAG)


@pytest.mark.thorough
def test_everything_comes_back_after_a_power_cut(vps: Vps, tmp_path: Path) -> None:
    vps.up(GOOD[0].tag)

    vps.power_cut()

    assert ssh(vps, tmp_path / "known_hosts", "echo back").stdout == "back\n"
    vps.run("until curl -fs http://127.0.0.1:8080/; do sleep 0.05; done", timeout=30)
    assert vps.served() == GOOD[0].tag
    assert vps.db_counter() == 2


@pytest.mark.thorough
def test_the_engine_and_sshd_can_be_restarted(vps: Vps, tmp_path: Path) -> None:
    vps.up(GOOD[0].tag)
    vps.dockerd_restart()
    vps.run("until curl -fs http://127.0.0.1:8080/; do sleep 0.05; done", timeout=30)

    vps.sshd_stop()
    assert ssh(vps, tmp_path / "known_hosts", "true").returncode == 255
    vps.sshd_start()
    assert ssh(vps, tmp_path / "known_hosts", "true").returncode == 0


@pytest.mark.thorough
def test_a_blackhole_swallows_everything_until_it_heals(vps: Vps) -> None:
    address = (vps.ip, 22)
    vps.blackhole()
    with pytest.raises(TimeoutError):
        socket.create_connection(address, timeout=0.5)

    vps.heal()

    with socket.create_connection(address, timeout=5) as connection:
        assert connection.recv(4) == b"SSH-"


@pytest.mark.thorough
def test_more_sshds_listen_on_further_ports(vps: Vps) -> None:
    ports = vps.extra_sshds(3)

    assert len(set(ports)) == 3
    for port in ports:
        with socket.create_connection((vps.ip, port), timeout=5) as connection:
            assert connection.recv(4) == b"SSH-"


def test_a_reset_puts_everything_back(vps: Vps) -> None:
    good = vps.digest(GOOD[0].tag)
    pristine = vps.run("cd /opt/infra && find . -type f | sort | xargs sha256sum").stdout
    vps.up(GOOD[1].tag)
    vps.up(GOOD[1].tag, service="enforcer-worker")
    vps.run(f"docker tag {GOOD[1].image} deployctl/enforcer-backend:{GOOD[1].tag}")
    vps.run("docker tag localhost:5000/db:1 deployctl/db:1")
    vps.run("docker network create other; docker volume create other")
    vps.run("echo x >>/opt/infra/compose/docker-compose.yml; rm /opt/infra/compose/scaled.yml")
    vps.write("/opt/infra/.deployctl/history.jsonl", "{}\n")
    vps.run("mkdir /opt/infra/full; mount -t tmpfs -o size=64k tmpfs /opt/infra/full")
    vps.write("/usr/local/bin/docker", "#!/bin/sh\nexit 1\n", owner="root", mode=0o755)
    vps.repush(GOOD[0].tag)
    vps.run("setsid sleep 1000 >/dev/null 2>&1 &", user="deploy")
    vps.run("setsid sudo -n sleep 1000 >/dev/null 2>&1 </dev/null &", user="nodocker")
    vps.run("rm /etc/ssh/ssh_host_rsa_key")
    vps.registry_stop()
    vps.blackhole()

    vps.reset()

    assert containers(vps) == "compose-db-1\n"
    images = vps.run("docker images --format '{{.Repository}}:{{.Tag}}'").stdout
    assert images == "localhost:5000/db:1\n"
    assert vps.run("cd /opt/infra && find . -type f | sort | xargs sha256sum").stdout == pristine
    assert vps.run("ls -A /opt/infra /usr/local/bin").stdout.split() == [
        "/opt/infra:",
        "compose",
        "/usr/local/bin:",
    ]
    assert vps.digest(GOOD[0].tag) == good
    assert vps.run("pgrep -x sleep -a | grep 1000", check=False).stdout == ""
    assert "DROP" not in vps.run("iptables -S INPUT; iptables -S OUTPUT").stdout
    assert vps.run("ls /etc/ssh/ssh_host_*_key").stdout.count("\n") == 2
    assert vps.db_counter() == 1


def test_a_reset_leaves_an_untouched_database_alone(vps: Vps) -> None:
    identity = "docker inspect -f '{{.Id}}' compose-db-1"
    before = vps.run(identity).stdout

    vps.reset()
    assert vps.run(identity).stdout == before

    vps.run("docker restart -t 1 compose-db-1")
    starts = "/var/lib/docker/volumes/compose_db-data/_data/starts"
    vps.run(f"until grep -qx 2 {starts}; do sleep 0.05; done", timeout=30)
    vps.reset()
    assert vps.run(identity).stdout != before
    assert vps.db_counter() == 1


@pytest.mark.thorough
def test_a_reset_switches_the_machine_on_again(vps: Vps) -> None:
    vps.power_off()

    vps.reset()

    assert vps.db_counter() == 1
