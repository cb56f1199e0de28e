"""A registry that asks for a login: it is there for as long as the host fetches, and no longer."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from tests.e2e import host
from tests.e2e.client import SERVICE, Client
from tests.e2e.steps import BACKEND_FILE, edit, refuse
from tests.vps.catalogue import GOOD, NO_SUCH_TAG
from tests.vps.world import REGISTRY, REGISTRY_AUTH, REGISTRY_PASSWORD, REGISTRY_USER, Vps

LOGIN = f"""
[services.{SERVICE}.registry]
server   = "{REGISTRY_AUTH}"
username = "{REGISTRY_USER}"
password = {{ env = "REGISTRY_TOKEN" }}
"""
TOKEN = {"REGISTRY_TOKEN": REGISTRY_PASSWORD}
KEPT_LOGIN = base64.b64encode(f"{REGISTRY_USER}:{REGISTRY_PASSWORD}".encode()).decode()
# A docker that stops short of the pull while a file is there, so that a test can look around.
SLOW_DOCKER = """#!/bin/sh
if [ "$1" = pull ]; then
    touch /tmp/pulling
    while [ -e /tmp/wait ]; do sleep 0.1; done
fi
exec /usr/bin/docker "$@"
"""


@pytest.fixture
def vps(vps: Vps) -> Vps:
    """A VPS whose backend comes from the registry that asks for a login."""
    vps.registry_auth_start()
    edit(vps, BACKEND_FILE, f"{REGISTRY}/{SERVICE}", f"{REGISTRY_AUTH}/{SERVICE}")
    return vps


@pytest.fixture
def client(client: Client, vps: Vps) -> Client:
    client.write_inventory({"vps": vps}, service=LOGIN)
    return client


def logins(vps: Vps) -> str:
    """What there is of private docker configurations."""
    return vps.run("ls -d /dev/shm/deployctl-* /tmp/deployctl-* 2>/dev/null", check=False).stdout


def traces(vps: Vps) -> str:
    """Files and processes that show the password, in plain or as docker keeps it."""
    vps.write("/run/secrets", f"{REGISTRY_PASSWORD}\n{KEPT_LOGIN}\n", owner="root")
    return vps.run(
        "grep -rlsF -f /run/secrets /opt /home /tmp /root /dev/shm /var/log"
        " /proc/[0-9]*/cmdline /proc/[0-9]*/environ",
        check=False,
    ).stdout


def test_the_right_password_fetches_and_leaves_no_trace(client: Client, vps: Vps) -> None:
    ended = client.run(
        "deploy", SERVICE, GOOD[0].tag, "--verbose", REGISTRY_TOKEN=REGISTRY_PASSWORD
    )

    assert ended.exit_status == 0, ended.text
    assert vps.served() == GOOD[0].tag
    assert logins(vps) == ""
    assert traces(vps) == ""
    assert REGISTRY_PASSWORD not in ended.text
    assert vps.run("ls -A /home/deploy/.docker 2>/dev/null", check=False).stdout == ""


def test_a_rollback_and_a_status_need_no_password(client: Client, vps: Vps) -> None:
    for release in GOOD[:2]:
        assert (
            client.run("deploy", SERVICE, release.tag, REGISTRY_TOKEN=REGISTRY_PASSWORD).exit_status
            == 0
        )

    assert client.run("status").exit_status == 0
    assert client.run("rollback", SERVICE).exit_status == 0
    assert vps.served() == GOOD[0].tag


def test_a_wrong_password_is_refused_with_what_the_registry_said(client: Client, vps: Vps) -> None:
    ended = refuse(
        Client(client.directory, {"REGISTRY_TOKEN": "not-the-password"}),
        vps, 3, "deploy", SERVICE, GOOD[0].tag, "--json",
    )  # fmt: skip

    error = ended.json["error"]
    assert error["code"] == "registry-denied"
    assert f"{REGISTRY_AUTH} refuses the login of '{REGISTRY_USER}'" in error["message"]
    assert "expired" in error["hint"]
    assert error["details"]
    assert "not-the-password" not in ended.text
    assert logins(vps) == ""


@pytest.mark.parametrize("given", [{}, {"REGISTRY_TOKEN": ""}], ids=["unset", "empty"])
def test_a_password_that_is_missing_is_named_before_the_host_is_asked(
    client: Client, vps: Vps, given: dict[str, str]
) -> None:
    vps.sshd_stop()

    ended = Client(client.directory, given).run("deploy", SERVICE, GOOD[0].tag, "--json")

    assert ended.exit_status == 2, ended.text
    assert ended.json["error"]["code"] == "environment-missing"
    assert "REGISTRY_TOKEN" in ended.json["error"]["message"]


def test_a_login_that_nobody_gave_is_said_to_be_missing(client: Client, vps: Vps) -> None:
    client.write_inventory({"vps": vps})

    ended = refuse(client, vps, 3, "deploy", SERVICE, GOOD[0].tag, "--json")

    error = ended.json["error"]
    assert error["code"] == "registry-denied"
    assert f"{REGISTRY_AUTH} asks for a login, and deploy has none" in error["message"]
    assert f"as deploy:\ndocker login {REGISTRY_AUTH}" in error["hint"]


def test_a_login_of_the_host_that_expired_is_asked_about(client: Client, vps: Vps) -> None:
    client.write_inventory({"vps": vps})
    old = base64.b64encode(b"deployctl:expired").decode()
    vps.write(
        "/home/deploy/.docker/config.json", f'{{"auths":{{"{REGISTRY_AUTH}":{{"auth":"{old}"}}}}}}'
    )

    ended = refuse(client, vps, 3, "deploy", SERVICE, GOOD[0].tag, "--json")

    assert ended.json["error"]["code"] == "registry-denied"
    assert "the login that deploy has on vps: it has expired" in ended.json["error"]["message"]


@pytest.mark.thorough
def test_the_login_of_the_host_counts_where_the_inventorys_is_optional(
    client: Client, vps: Vps
) -> None:
    optional = LOGIN.replace('"REGISTRY_TOKEN"', '"REGISTRY_TOKEN", optional = true')
    client.write_inventory({"vps": vps}, service=optional)
    vps.write(
        "/home/deploy/.docker/config.json",
        f'{{"auths":{{"{REGISTRY_AUTH}":{{"auth":"{KEPT_LOGIN}"}}}}}}',
    )

    assert client.run("deploy", SERVICE, GOOD[0].tag).exit_status == 0


@pytest.mark.thorough
def test_a_password_is_given_to_no_other_registry_than_the_inventorys(
    client: Client, vps: Vps
) -> None:
    edit(vps, BACKEND_FILE, f"{REGISTRY_AUTH}/{SERVICE}", f"{REGISTRY}/{SERVICE}")

    ended = refuse(
        Client(client.directory, TOKEN), vps, 3, "deploy", SERVICE, GOOD[0].tag, "--json"
    )

    assert ended.json["error"]["code"] == "registry-mismatch"


def test_a_tag_that_is_not_there_is_not_blamed_on_the_login(client: Client, vps: Vps) -> None:
    ended = refuse(
        Client(client.directory, TOKEN), vps, 3, "deploy", SERVICE, NO_SUCH_TAG, "--json"
    )

    assert ended.json["error"]["code"] == "tag-missing"
    assert "push this tag" in ended.json["error"]["hint"]
    assert logins(vps) == ""


# ---------------------------------------------------------------- killed in the middle


def kill_the_session(vps: Vps) -> None:
    """SIGKILL for all that sshd started for the command."""
    vps.run(
        "pull=$(pgrep -o -u deploy -f 'docker pull')\n"
        'pkill -KILL -s "$(ps -o sid= -p "$pull" | tr -d " ")"'
    )


def kill_the_shells(vps: Vps) -> None:
    """SIGKILL for the script alone: what it started goes on."""
    vps.run("pkill -KILL -u deploy -f '^sh -c #!/bin/sh'")
    assert vps.run("pgrep -u deploy -f 'docker pull'").stdout


@pytest.mark.parametrize("kill", [kill_the_session, kill_the_shells])
def test_the_login_is_gone_at_once_when_the_fetch_is_killed(
    client: Client, vps: Vps, kill: Callable[[Vps], None]
) -> None:
    vps.write("/usr/local/bin/docker", SLOW_DOCKER, owner="root", mode=0o755)
    vps.run("touch /tmp/wait")
    with client.start("deploy", SERVICE, GOOD[0].tag, **TOKEN) as running:
        host.await_(vps, "[ -e /tmp/pulling ]")
        assert KEPT_LOGIN in vps.run("cat /dev/shm/deployctl-login.*/config.json").stdout
        assert vps.run("stat -c '%a %U' /dev/shm/deployctl-login.*").stdout == "700 deploy\n"
        assert "/proc/" not in traces(vps)

        kill(vps)

        host.await_(vps, "! ls -d /dev/shm/deployctl-login.* 2>/dev/null", seconds=10)
        running.wait()
    assert traces(vps) == ""


@pytest.mark.thorough
def test_the_login_is_gone_after_the_client_was_killed(client: Client, vps: Vps) -> None:
    vps.write("/usr/local/bin/docker", SLOW_DOCKER, owner="root", mode=0o755)
    vps.run("touch /tmp/wait")
    with client.start("deploy", SERVICE, GOOD[0].tag, **TOKEN) as running:
        host.await_(vps, "[ -e /tmp/pulling ]")
        running.kill()

    vps.run("rm /tmp/wait")

    host.await_quiet(vps)
    assert logins(vps) == ""
    assert traces(vps) == ""


@pytest.mark.thorough
def test_what_a_kill_of_everything_leaves_is_removed_by_the_next_fetch(
    client: Client, vps: Vps
) -> None:
    vps.write("/usr/local/bin/docker", SLOW_DOCKER, owner="root", mode=0o755)
    vps.run("touch /tmp/wait")
    with client.start("deploy", SERVICE, GOOD[0].tag, **TOKEN) as running:
        host.await_(vps, "[ -e /tmp/pulling ]")
        vps.run("pkill -KILL -u deploy")
        running.wait()
    assert "deployctl-login" in logins(vps)
    vps.run("rm /tmp/wait")

    ended = client.run("deploy", SERVICE, GOOD[0].tag, REGISTRY_TOKEN=REGISTRY_PASSWORD)

    assert ended.exit_status == 0, ended.text
    assert logins(vps) == ""
    assert traces(vps) == ""
