"""Tags, digests and references."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployctl.release.reference import Reference, is_digest, tag_problem

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize("tag", ["sha-1a2b3c4", "sha-0000000", "sha-abcdef0"])
def test_a_commit_tag_is_accepted(tag: str) -> None:
    assert tag_problem(tag) is None


@pytest.mark.parametrize(
    ("tag", "explained"),
    [
        ("", "is empty"),
        ("latest", "a name that moves"),
        ("Main", "a name that moves"),
        ("refs/heads/main", "a name that moves"),
        (DIGEST, "give the tag here and the digest as --digest"),
        ("registry/web:sha-1a2b3c4", "only the part behind the last colon"),
        ("sha-1a2b3c4@sha256:00", "only the part behind the last colon"),
        ("v1.2.3", "a version number"),
        ("1.0", "a version number"),
        ("1a2b3c4", "lacks the prefix: sha-1a2b3c4"),
        ("1A2B3C4D5E", "lacks the prefix: sha-1a2b3c4"),
        ("sha-", "has 0 hex digits"),
        ("sha-123456", "has 6 hex digits"),
        ("sha-12345678", "has 8 hex digits"),
        ("sha-1A2B3C4", "has capital letters; the tag of a commit is lower case: sha-1a2b3c4"),
        ("SHA-1a2b3c4", "has capital letters; the tag of a commit is lower case: sha-1a2b3c4"),
        ("Sha-1A2B3C4D5E", "has capital letters; the tag of a commit is lower case: sha-1a2b3c4"),
        ("SHA-12", "has 2 hex digits"),
        ("\u017fha-1a2b3c4", "not a commit tag"),
        ("sha-1234567; reboot", "not a commit tag"),
        ("sha-1234567\n", "not a commit tag"),
        ("feature-x", "not a commit tag"),
        ("sha-\uff11234567", "not a commit tag"),
    ],
)
def test_what_is_no_commit_tag_is_explained_by_its_kind(tag: str, explained: str) -> None:
    assert explained in str(tag_problem(tag))


@pytest.mark.parametrize("length", [7, 8, 39, 40])
def test_longer_tags_are_accepted_where_they_are_asked_for(length: int) -> None:
    assert tag_problem("sha-" + "a" * length, long_tags=True) is None


@pytest.mark.parametrize("length", [6, 41])
def test_even_then_there_are_limits(length: int) -> None:
    assert tag_problem("sha-" + "a" * length, long_tags=True)


@given(st.text(max_size=20_000))
def test_whatever_is_given_as_a_tag_the_message_is_short_and_printable(text: str) -> None:
    problem = tag_problem(text)
    assert problem is None or (problem.isprintable() and len(problem) < 1000)


def test_a_digest_is_sha256_and_64_hex_digits() -> None:
    assert is_digest(DIGEST)
    for wrong in ("", DIGEST[:-1], DIGEST + "0", DIGEST.upper(), DIGEST + "\n", "md5:" + "0" * 64):
        assert not is_digest(wrong)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("web", Reference("web")),
        ("web:1", Reference("web", "1")),
        ("host:5000/web", Reference("host:5000/web")),
        ("host:5000/a/web:1", Reference("host:5000/a/web", "1")),
        (f"host:5000/web:1@{DIGEST}", Reference("host:5000/web", "1", DIGEST)),
        (f"web@{DIGEST}", Reference("web", "", DIGEST)),
        ("", Reference("")),
    ],
)
def test_a_reference_is_taken_apart_and_put_together_again(text: str, reference: Reference) -> None:
    assert Reference.parse(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize(
    ("text", "registry", "login_server"),
    [
        ("ghcr.io/example/web:1", "ghcr.io", "ghcr.io"),
        ("localhost:5001/web:1", "localhost:5001", "localhost:5001"),
        ("localhost/web", "localhost", "localhost"),
        ("example/web:1", "docker.io", "https://index.docker.io/v1/"),
        ("web:1", "docker.io", "https://index.docker.io/v1/"),
    ],
)
def test_an_image_names_its_registry(text: str, registry: str, login_server: str) -> None:
    reference = Reference.parse(text)

    assert (reference.registry, reference.login_server) == (registry, login_server)
