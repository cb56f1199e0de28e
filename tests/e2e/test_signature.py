"""Where the inventory asks for a signature, what nobody vouched for is not deployed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.client import SERVICE, Client
from tests.e2e.steps import BACKEND_FILE, deploy, edit, refuse
from tests.vps.catalogue import ATTESTED, GOOD, Release
from tests.vps.world import REGISTRY, REGISTRY_AUTH, REGISTRY_PASSWORD, REGISTRY_USER, Vps

RULE = '[gates.signature]\nkey = "cosign.pub"\nannotations = { scan = "passed" }\n'
COSIGN = "COSIGN_PASSWORD= cosign"
OLDER = 2
"""The last cosign that writes the older format of signatures by itself."""

IGNORES_ANNOTATIONS = """\
#!/bin/sh
for word; do
    case $before:$word in
        *:--annotations | --annotations:*) ;;
        *) set -- "$@" "$word" ;;
    esac
    shift
    before=$word
done
exec /usr/bin/cosign "$@"
"""


def make_key(vps: Vps, name: str) -> str:
    """Make a key pair on the VPS, as a build machine has it; return the public half."""
    vps.run(f"mkdir -p /tmp/keys && cd /tmp/keys && {COSIGN} generate-key-pair")
    vps.run(f"cd /tmp/keys && mv cosign.key {name}.key && mv cosign.pub {name}.pub")
    return vps.read(f"/tmp/keys/{name}.pub")


def sign(
    vps: Vps, digest: str, *, key: str = "ours", scan: str = "passed", older: bool = False
) -> None:
    """Sign a digest as the workflow that scanned it does.

    older: in the format of cosign 2, whatever cosign is there.
    """
    vps.run(
        f"{COSIGN} sign {_without_a_log(vps)} --key /tmp/keys/{key}.key -a scan={scan}"
        f" {'--new-bundle-format=false' if older and _cosign(vps) > OLDER else ''}"
        f" {REGISTRY}/{SERVICE}@{digest}"
    )


def attest(vps: Vps, digest: str, *, key: str) -> None:
    """Say something else of a digest, as the action does that attests how an image was built."""
    vps.write("/tmp/keys/how", "{}")
    vps.run(
        f"{COSIGN} attest {_without_a_log(vps)} --predicate /tmp/keys/how"
        f" --key /tmp/keys/{key}.key {REGISTRY}/{SERVICE}@{digest}"
    )


def _without_a_log(vps: Vps) -> str:
    """Options of cosign for a signature that is in no transparency log."""
    newer = "--use-signing-config=false" if _cosign(vps) > OLDER else ""
    return f"--yes --tlog-upload=false {newer}"


def _cosign(vps: Vps) -> int:
    """The first number of cosign's version: Debian's cosign does not know it."""
    return int(vps.run("dpkg-query --show --showformat='${Version}' cosign").stdout.split(".")[0])


@pytest.fixture
def client(client: Client, vps: Vps) -> Client:
    """A client with our public key beside its inventory."""
    (client.directory / "cosign.pub").write_text(make_key(vps, "ours"))
    client.write_inventory({"vps": vps}, gates=RULE)
    return client


def refused(client: Client, vps: Vps, release: Release = GOOD[1]) -> Any:
    """The error of a deploy that the signature gate refuses, on a host where GOOD[0] runs."""
    ended = refuse(client, vps, 3, "deploy", SERVICE, release.tag, "--json")
    (on_host,) = ended.json["hosts"]
    verdicts = {verdict["gate"]: verdict for verdict in on_host["verdicts"]}
    assert verdicts["signature"]["ran"]
    assert not verdicts["signature"]["passed"]
    assert verdicts["revision"]["passed"]
    return ended.json["error"]


def test_what_our_key_signed_is_deployed(client: Client, vps: Vps) -> None:
    sign(vps, vps.digest(GOOD[1].tag))

    ended = deploy(client, vps, GOOD[1], "--json")

    (on_host,) = ended.json["hosts"]
    evidence = {verdict["gate"]: verdict["evidence"] for verdict in on_host["verdicts"]}
    assert evidence["signature"] == (
        f"over {vps.digest(GOOD[1].tag)} with scan=passed, by the inventory's key"
    )


@pytest.mark.thorough
def test_one_good_signature_beside_others_is_enough(client: Client, vps: Vps) -> None:
    make_key(vps, "theirs")
    digest = vps.digest(GOOD[1].tag)
    sign(vps, digest, key="theirs")
    sign(vps, digest, scan="failed")
    sign(vps, digest)

    deploy(client, vps, GOOD[1])


def test_an_older_signature_beside_an_attestation_is_enough(client: Client, vps: Vps) -> None:
    make_key(vps, "theirs")
    digest = vps.digest(GOOD[1].tag)
    sign(vps, digest, older=True)
    attest(vps, digest, key="theirs")

    deploy(client, vps, GOOD[1])


def test_an_unsigned_image_is_refused(client: Client, vps: Vps) -> None:
    error = refused(client, vps)

    assert error["code"] == "signature-refused"
    assert vps.digest(GOOD[1].tag) in error["message"]
    assert error["details"]


def test_an_image_that_another_key_signed_is_refused(client: Client, vps: Vps) -> None:
    make_key(vps, "theirs")
    sign(vps, vps.digest(GOOD[1].tag), key="theirs")

    assert refused(client, vps)["code"] == "signature-refused"


@pytest.mark.thorough
def test_an_image_whose_signature_says_something_else_is_refused(client: Client, vps: Vps) -> None:
    sign(vps, vps.digest(GOOD[1].tag), scan="failed")

    error = refused(client, vps)

    assert error["code"] == "signature-refused"
    assert "with scan=passed" in error["message"]


def test_a_cosign_that_looks_at_no_annotation_vouches_for_none(client: Client, vps: Vps) -> None:
    sign(vps, vps.digest(GOOD[1].tag), scan="failed")
    # As cosign 3.0.2 does, with a signature in its own format.
    vps.write("/usr/local/bin/cosign", IGNORES_ANNOTATIONS, owner="root", mode=0o755)

    error = refused(client, vps)

    assert error["code"] == "signature-refused"
    assert "looks at no annotation" in error["details"][0]


@pytest.mark.thorough
def test_the_signature_of_another_digest_is_refused(client: Client, vps: Vps) -> None:
    sign(vps, vps.digest(GOOD[1].tag))
    vps.repush(GOOD[1].tag)

    assert refused(client, vps)["code"] == "signature-refused"


def test_a_signature_that_was_copied_to_another_digest_is_refused(client: Client, vps: Vps) -> None:
    signed, other = vps.digest(GOOD[1].tag), vps.digest(GOOD[2].tag)
    sign(vps, signed)
    suffix = "" if _cosign(vps) > OLDER else ".sig"
    source, target = (
        f"docker://{REGISTRY}/{SERVICE}:{digest.replace(':', '-')}{suffix}"
        for digest in (signed, other)
    )
    insecure = "--src-tls-verify=false --dest-tls-verify=false"
    vps.run(f"skopeo copy --all --preserve-digests {insecure} {source} {target}")

    assert refused(client, vps, GOOD[2])["code"] == "signature-refused"


@pytest.mark.thorough
def test_a_signature_that_cannot_be_fetched_is_no_signature(client: Client, vps: Vps) -> None:
    sign(vps, vps.digest(GOOD[1].tag))
    # dockerd, which pulls, is root: only cosign does not get through.
    vps.run("iptables -I OUTPUT -p tcp --dport 5000 -m owner --uid-owner deploy -j REJECT")

    error = refused(client, vps)

    assert error["code"] == "signature-refused"
    assert any("connect" in line for line in error["details"])


def test_a_registry_that_is_down_is_said_to_be_down(client: Client, vps: Vps) -> None:
    sign(vps, vps.digest(GOOD[1].tag))
    vps.registry_stop()

    ended = refuse(client, vps, 3, "deploy", SERVICE, GOOD[1].tag, "--json")

    assert ended.json["error"]["code"] == "registry-down"


def test_a_host_without_cosign_verifies_nothing(client: Client, vps: Vps) -> None:
    sign(vps, vps.digest(GOOD[1].tag))
    vps.run("mv /usr/bin/cosign /usr/bin/cosign.away")
    try:
        error = refused(client, vps)
    finally:
        vps.run("mv /usr/bin/cosign.away /usr/bin/cosign")

    assert error["code"] == "cosign-missing"
    assert "install cosign" in error["hint"]


@pytest.mark.thorough
def test_a_signature_in_a_registry_that_asks_for_a_login_is_found(client: Client, vps: Vps) -> None:
    vps.registry_auth_start()
    sign(vps, vps.digest(GOOD[1].tag))
    edit(vps, BACKEND_FILE, f"{REGISTRY}/{SERVICE}", f"{REGISTRY_AUTH}/{SERVICE}")
    login = (
        f'[services.{SERVICE}.registry]\nserver = "{REGISTRY_AUTH}"\n'
        f'username = "{REGISTRY_USER}"\npassword = {{ env = "TOKEN" }}\n'
    )
    client.write_inventory({"vps": vps}, gates=RULE, service=login)

    ended = client.run("deploy", SERVICE, GOOD[1].tag, TOKEN=REGISTRY_PASSWORD)

    assert ended.exit_status == 0, ended.text


def test_a_key_may_come_from_the_environment_or_stand_in_the_inventory(
    client: Client, vps: Vps
) -> None:
    key = (client.directory / "cosign.pub").read_text()
    sign(vps, vps.digest(GOOD[0].tag))
    sign(vps, vps.digest(GOOD[1].tag))

    client.write_inventory({"vps": vps}, gates=RULE.replace('"cosign.pub"', '{ env = "KEY" }'))
    assert "KEY is not set" in client.run("deploy", SERVICE, GOOD[0].tag).stderr
    assert client.run("deploy", SERVICE, GOOD[0].tag, KEY=key).exit_status == 0

    client.write_inventory({"vps": vps}, gates=RULE.replace('"cosign.pub"', f'"""\n{key}"""'))
    deploy(client, vps, GOOD[1])


@pytest.mark.parametrize("content", [None, "no key"], ids=["missing", "nonsense"])
def test_a_key_file_that_is_of_no_use_is_told_before_the_host_is_asked(
    client: Client, vps: Vps, content: str | None
) -> None:
    vps.sshd_stop()
    (client.directory / "cosign.pub").unlink()
    if content is not None:
        (client.directory / "cosign.pub").write_text(content)

    ended = client.run("deploy", SERVICE, GOOD[1].tag, "--json")

    assert ended.exit_status == 2, ended.text
    assert ended.json["error"]["code"] == "key-unreadable"


@pytest.mark.thorough
def test_of_an_image_with_attestations_the_index_is_what_is_signed(
    client: Client, vps: Vps
) -> None:
    sign(vps, vps.digest(ATTESTED.tag))

    deploy(client, vps, ATTESTED)
