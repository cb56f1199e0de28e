"""Why an image did not come: docker's words, the error that the user sees, and what to do."""

from __future__ import annotations

import pytest

from deployctl import errors
from deployctl.compose import registry
from deployctl.compose.facts import FetchFailure
from deployctl.compose.registry import Answer, Fetch
from deployctl.inventory import Registry
from deployctl.release.reference import Reference

IMAGE = Reference.parse("r.example/access-denied-401/web:sha-1a2b3c4")
FETCH = Fetch(IMAGE, "web", "vps", "deploy")
LOGGED_IN = Fetch(IMAGE, "web", "vps", "deploy", Registry("r.example", "bot", "secret"))
DENIED = "unauthorized: authentication required"
NOT_FOUND = f"manifest for {IMAGE} not found: manifest unknown: manifest unknown"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        # Docker 20.10 to 28, the engine's own store.
        (NOT_FOUND, Answer.ABSENT),
        ("name unknown: repository name not known to registry", Answer.ABSENT),
        ('Get "http://r.example/v2/": dial tcp 10.0.0.1:443: connect: refused', Answer.DOWN),
        ("dial tcp: lookup r.example on 10.0.0.1:53: no such host", Answer.DOWN),
        ("dial tcp 10.0.0.1:443: connect: permission denied", Answer.DOWN),
        ("net/http: request canceled (Client.Timeout exceeded while awaiting)", Answer.DOWN),
        ("received unexpected HTTP status: 503 Service Unavailable", Answer.DOWN),
        ('Head "https://r.example/v2/": no basic auth credentials', Answer.DENIED),
        (DENIED, Answer.DENIED),
        # The containerd store.
        (f"failed to resolve reference {IMAGE}: {IMAGE}: not found", Answer.ABSENT),
        ("failed to do request: Head: dial tcp 10.0.0.1:443: i/o timeout", Answer.DOWN),
        ("pull access denied, repository does not exist or may require login", Answer.DENIED),
        # What is not understood is not guessed: nor by words in the image's own name.
        ("toomanyrequests: You have reached your pull rate limit", Answer.UNKNOWN),
        ("x509: certificate signed by unknown authority", Answer.UNKNOWN),
        ("write /var/lib/docker/tmp/x: no space left on device", Answer.UNKNOWN),
        (f"something else about {IMAGE}", Answer.UNKNOWN),
        # Nor is what went wrong on the host itself the registry's answer.
        (
            'error getting credentials - err: exec: "helper": executable file not found',
            Answer.UNKNOWN,
        ),
        ("permission denied while trying to connect to the docker API", Answer.UNKNOWN),
        ("", Answer.UNKNOWN),
    ],
)
def test_docker_passes_on_what_the_registry_answered(words: str, answer: Answer) -> None:
    assert registry.answer(FetchFailure((words,), timed_out=False), IMAGE) is answer


@pytest.mark.parametrize(
    ("failure", "fetch", "code", "says", "remedy"),
    [
        (
            FetchFailure((NOT_FOUND,), False),
            FETCH,
            "tag-missing",
            f"{IMAGE} is not in the registry",
            "push",
        ),
        (
            FetchFailure(("dial tcp: i/o timeout",), False),
            FETCH,
            "registry-down",
            "r.example cannot be reached from vps",
            "deployctl check web",
        ),
        (
            FetchFailure((DENIED,), False, host_has_login=False),
            FETCH,
            "registry-denied",
            "r.example asks for a login, and deploy has none on vps",
            "as deploy:\ndocker login r.example",
        ),
        (
            FetchFailure((DENIED,), False, host_has_login=True),
            FETCH,
            "registry-denied",
            "refuses the login that deploy has on vps: it has expired",
            "as deploy:\ndocker login r.example",
        ),
        (
            FetchFailure((DENIED,), False, login_failed=True),
            LOGGED_IN,
            "registry-denied",
            "r.example refuses the login of 'bot'",
            "services.web.registry",
        ),
        (
            FetchFailure((DENIED,), False),
            LOGGED_IN,
            "registry-denied",
            "r.example does not let 'bot' read",
            "services.web.registry",
        ),
        (
            FetchFailure(("no space left",), False),
            FETCH,
            "not-fetched",
            f"cannot fetch {IMAGE}",
            "deployctl check web",
        ),
        (
            FetchFailure((), False, login_failed=True),
            LOGGED_IN,
            "not-fetched",
            "cannot log in to r.example",
            "deployctl check web",
        ),
        (FetchFailure((), True), FETCH, "not-fetched", "did not come in time", "again"),
        (
            FetchFailure(
                (), False, login_failed=True, places=("full /dev/shm", "not-writable /tmp")
            ),
            LOGGED_IN,
            "login-no-place",
            "no place on vps takes the registry login: /dev/shm is full, /tmp cannot be written",
            "df -h /dev/shm /tmp",
        ),
        (
            FetchFailure((), False, login_failed=True, places=("full /x\x1b[2J",)),
            LOGGED_IN,
            "login-no-place",
            r"takes the registry login: '/x\x1b[2J' is full",
            "df -h /dev/shm /tmp",
        ),
    ],
)
def test_each_reason_is_an_error_of_its_own_with_dockers_words_as_evidence(
    failure: FetchFailure, fetch: Fetch, code: str, says: str, remedy: str
) -> None:
    error = registry.not_fetched(failure, fetch)

    assert (error.code, error.exit_status) == (code, errors.EXIT_REFUSED)
    assert says in error.message
    assert remedy in error.hint
    assert error.details == failure.words
    assert error.state == errors.UNTOUCHED
