"""Which host key is asked for, and what is said about a wrong one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deployctl.errors import HostError
from deployctl.inventory import PinnedKey
from deployctl.inventory.ssh_public_key import fingerprint
from deployctl.ssh.endpoint import Endpoint
from deployctl.ssh.hostkeys import HostKeyPolicy
from deployctl.ssh.known_hosts import known_keys
from tests.unit.ssh.key_samples import ED25519, ED25519_TEXT, OTHER, OTHER_TEXT, RSA, RSA_TEXT

if TYPE_CHECKING:
    from pathlib import Path

ENDPOINT = Endpoint("vps", "203.0.113.7", 22)


def _policy(tmp_path: Path, text: str = "", pin: PinnedKey | None = None) -> HostKeyPolicy:
    path = tmp_path / "known_hosts"
    path.write_text(text)
    return HostKeyPolicy(ENDPOINT, pin, known_keys([path], ENDPOINT.hostname, 22), is_jump=False)


def _refusal(policy: HostKeyPolicy, key_type: str, blob: bytes) -> HostError:
    with pytest.raises(HostError) as caught:
        policy.check(key_type, blob)
    return caught.value


def test_the_pinned_key_is_accepted(tmp_path: Path) -> None:
    _policy(tmp_path, pin=PinnedKey(fingerprint(ED25519))).check("ssh-ed25519", ED25519)


def test_a_known_key_is_accepted(tmp_path: Path) -> None:
    text = f"203.0.113.7 ssh-ed25519 {ED25519_TEXT}\n"
    _policy(tmp_path, text).check("ssh-ed25519", ED25519)


def test_an_unknown_key_is_refused_with_the_line_to_add(tmp_path: Path) -> None:
    error = _refusal(_policy(tmp_path), "ssh-ed25519", ED25519)

    assert error.code == "host-key-unknown"
    assert fingerprint(ED25519) in error.message
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in error.hint
    assert "add the second line to [hosts.vps]" in error.hint
    assert error.hint.splitlines()[2] == f'host_key = "{fingerprint(ED25519)}"'


def test_an_unknown_jump_host_is_refused_with_the_known_hosts_line() -> None:
    policy = HostKeyPolicy(Endpoint("jump", "jump.example", 2222), None, [], is_jump=True)

    error = _refusal(policy, "ssh-rsa", RSA)

    assert f"[jump.example]:2222 ssh-rsa {RSA_TEXT}" in error.hint
    assert "ssh_host_rsa_key.pub" in error.hint


def test_another_key_than_the_known_one_is_refused(tmp_path: Path) -> None:
    text = f"203.0.113.7 ssh-ed25519 {ED25519_TEXT}\n"
    error = _refusal(_policy(tmp_path, text), "ssh-ed25519", OTHER)

    assert error.code == "host-key-mismatch"
    assert fingerprint(ED25519) in error.message
    assert fingerprint(OTHER) in error.message
    assert "known_hosts:1" in error.message
    assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in error.hint
    assert f"ssh-keygen -f {tmp_path}/known_hosts -R 203.0.113.7" in error.hint


def test_a_pin_wins_over_known_hosts(tmp_path: Path) -> None:
    text = f"203.0.113.7 ssh-ed25519 {OTHER_TEXT}\n"
    policy = _policy(tmp_path, text, PinnedKey(fingerprint(ED25519)))

    assert _refusal(policy, "ssh-ed25519", OTHER).code == "host-key-mismatch"
    policy.check("ssh-ed25519", ED25519)


@pytest.mark.parametrize("pin", [None, PinnedKey(fingerprint(ED25519))])
def test_a_revoked_key_is_refused_even_if_pinned_or_listed(
    tmp_path: Path, pin: PinnedKey | None
) -> None:
    text = f"""
203.0.113.7 ssh-ed25519 {ED25519_TEXT}
@revoked * ssh-ed25519 {ED25519_TEXT}
"""
    error = _refusal(_policy(tmp_path, text, pin), "ssh-ed25519", ED25519)

    assert error.code == "host-key-revoked"
    assert "known_hosts:3" in error.message


def test_a_host_of_which_only_a_revoked_key_is_listed_is_unknown(tmp_path: Path) -> None:
    policy = _policy(tmp_path, f"@revoked * ssh-ed25519 {OTHER_TEXT}\n")
    assert _refusal(policy, "ssh-ed25519", ED25519).code == "host-key-unknown"


def test_types_with_a_known_key_are_asked_for_first(tmp_path: Path) -> None:
    policy = _policy(tmp_path, f"203.0.113.7 ssh-rsa {RSA_TEXT}\n")
    assert policy.algorithms()[:3] == ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]


def test_a_pin_with_a_type_is_asked_for_first(tmp_path: Path) -> None:
    policy = _policy(tmp_path, pin=PinnedKey(fingerprint(RSA), "ssh-rsa"))
    assert policy.algorithms()[0] == "rsa-sha2-512"


def test_a_pin_of_unknown_type_is_looked_for_among_all_types(tmp_path: Path) -> None:
    policy = _policy(tmp_path, pin=PinnedKey(fingerprint(RSA)))

    assert policy.final(_refusal(policy, "ssh-ed25519", ED25519)) is None
    assert "ssh-ed25519" not in policy.algorithms()
    policy.check("ssh-rsa", RSA)


def test_the_final_refusal_shows_the_key_that_the_host_prefers(tmp_path: Path) -> None:
    policy = _policy(tmp_path, pin=PinnedKey(fingerprint(OTHER)))
    _refusal(policy, "ssh-ed25519", ED25519)
    _refusal(policy, "ssh-rsa", RSA)

    final = policy.final(HostError("ssh-incompatible", "no more keys"))

    assert final is not None
    assert final.code == "host-key-mismatch"
    assert fingerprint(ED25519) in final.message


@pytest.mark.parametrize(("shown", "blob"), [("ssh-ed25519", ED25519), ("ssh-rsa", RSA)])
def test_a_pin_with_a_type_is_not_looked_for_elsewhere(
    tmp_path: Path, shown: str, blob: bytes
) -> None:
    policy = _policy(tmp_path, pin=PinnedKey(fingerprint(OTHER), "ssh-ed25519"))
    error = _refusal(policy, shown, blob)
    assert policy.final(error) is error
