"""Where faults strike: each step of a deploy, of putting back, and of a rollback.

test_points.py fails when the host scripts change something that no point stands at.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from tests.e2e.client import SERVICE
from tests.vps.catalogue import EXITS_AT_ONCE, GOOD


@dataclass(frozen=True)
class Job:
    """A command that changes what a VPS runs.

    Attributes:
        name: in the tests' names.
        past: tags that were deployed before, the last one runs.
        command: of deployctl.
        target: tag that shall run.
        good: whether it can.
        keeps_tag: in the project's .env.
    """

    name: str
    past: tuple[str, ...]
    command: tuple[str, ...]
    target: str
    good: bool = True
    keeps_tag: bool = False

    @property
    def before(self) -> str:
        """The tag that runs before."""
        return self.past[-1]


_OLDEST, _OLDER, _OLD, _NEW = (GOOD[number].tag for number in (6, 4, 0, 1))
DEPLOY: Final = Job("deploy", (_OLD,), ("deploy", SERVICE, _NEW), _NEW)
PRUNING: Final = Job("deploy", (_OLDEST, _OLDER, _OLD), ("deploy", SERVICE, _NEW), _NEW)
"""With more releases on the host than are kept."""
RESTORE: Final = Job(
    "restore", (_OLD,), ("deploy", SERVICE, EXITS_AT_ONCE.tag), EXITS_AT_ONCE.tag, good=False
)
ROLLBACK: Final = Job("rollback", (_OLD, _NEW), ("rollback", SERVICE), _OLD)
KEEPING: Final = Job("persist", (_OLD,), ("deploy", SERVICE, _NEW), _NEW, keeps_tag=True)
JOBS: Final = (DEPLOY, PRUNING, RESTORE, ROLLBACK, KEEPING)
KEEP: Final = 1
"""Releases kept for a rollback."""
NEXT: Final = GOOD[5].tag
"""What is deployed afterwards."""


@dataclass(frozen=True)
class Point:
    """A step of a job.

    Attributes:
        name: in the tests' names.
        job: whose step it is.
        phase: "before" or "after" the work of the command.
        pattern: of the shell, for the command.
        nth: which of the calls that match.
        begun: whether the run goes on by itself from here.
        changed: whether what runs may be another release from here on.
        settled: whether the outcome is recorded.
    """

    name: str
    job: Job
    phase: str
    pattern: str
    nth: int = 1
    begun: bool = True
    changed: bool = False
    settled: bool = False

    def __str__(self) -> str:
        return f"{self.job.name}-{self.phase}-{self.name}"

    def stands_at(self, call: str) -> bool:
        """Whether it stops this call."""
        return fnmatchcase(call, self.pattern)

    @property
    def at_docker(self) -> bool:
        """Whether docker is what it stops."""
        return self.pattern.startswith("docker ")

    @property
    def pulls(self) -> bool:
        """Whether an image is fetched here, or still has to be."""
        return self.job is not ROLLBACK and not self.begun and not self.name.startswith("claim")


_HISTORY = "dd of=*/history.jsonl *"


def _asking(job: Job) -> list[Point]:
    """Nothing is decided yet, and the client is needed."""
    points = [Point("probe", job, "before", "docker ps *", begun=False)]
    if job is not ROLLBACK:
        points += [
            Point("pull", job, phase, "docker pull *", begun=False) for phase in ("before", "after")
        ]
        points += [Point("keep", job, "before", "docker tag * deployctl/*", begun=False)]
    return points


def _beginning(job: Job) -> list[Point]:
    return [
        Point("state", job, "before", "mkdir -p */.deployctl", begun=False),
        Point("private", job, "before", "chmod -R go= */.deployctl/.", begun=False),
        Point("directories", job, "before", "mkdir -p */runs */releases", begun=False),
        Point("files", job, "before", "touch */lock */history.jsonl", begun=False),
        Point("place", job, "before", "mkdir -p */.local/state/deployctl", begun=False),
        Point("close", job, "before", "chmod 700 */.local/state/deployctl", begun=False),
        Point("claim", job, "before", "mkdir */runs/*", begun=False),
        Point("claim", job, "after", "mkdir */runs/*", begun=False),
        Point("configuration", job, "before", "sed s/*", begun=False),
        Point("guard", job, "before", "setsid *", begun=False),
        Point("detach", job, "before", "setsid *", nth=2),
        Point("start", job, "before", _HISTORY),
        Point("start", job, "after", _HISTORY),
        Point("tag", job, "before", "docker tag * localhost:5000/*"),
        Point("up", job, "before", "docker compose * up -d --no-deps *"),
        Point("up", job, "after", "docker compose * up -d --no-deps *", changed=True),
        Point("health", job, "before", "docker inspect *{{.RestartCount}}*", changed=True),
    ]


def _succeeding(job: Job) -> list[Point]:
    return [
        Point("releases", job, "before", "mkdir -p */releases/*", changed=True),
        Point("kept", job, "before", "mv */release.yml *", changed=True),
        Point("kept", job, "after", "mv */release.yml *", changed=True),
        *_ending(job),
        Point("tidy", job, "before", "rm -f -- */releases/*", changed=True, settled=True),
    ]


def _putting_back(job: Job) -> list[Point]:
    return [
        Point("logs", job, "before", "docker logs *", changed=True),
        Point("back-tag", job, "before", "docker tag * localhost:5000/*", nth=2, changed=True),
        Point("back", job, "before", "docker compose * up -d --no-deps *", nth=2, changed=True),
        Point("back", job, "after", "docker compose * up -d --no-deps *", nth=2, changed=True),
        *_ending(job),
    ]


def _ending(job: Job) -> list[Point]:
    return [
        Point("end", job, "before", _HISTORY, nth=2, changed=True),
        Point("end", job, "after", _HISTORY, nth=2, changed=True, settled=True),
        Point("outcome", job, "before", "mv */outcome.new *", changed=True, settled=True),
        Point("outcome", job, "after", "mv */outcome.new *", changed=True, settled=True),
    ]


def _keeping(job: Job) -> list[Point]:
    return [
        Point("up", job, "before", "docker compose * up -d --no-build *"),
        Point("up", job, "after", "docker compose * up -d --no-build *", changed=True),
        Point("clean", job, "before", "rm -f */.env.deployctl-*", changed=True),
        Point("copy", job, "before", "cp -p */.env *", changed=True),
        Point("write", job, "before", "dd of=*/.env.deployctl-* *", changed=True),
        Point("replace", job, "before", "mv */.env.deployctl-* *", changed=True),
        Point("replace", job, "after", "mv */.env.deployctl-* *", changed=True),
    ]


POINTS: Final = (
    *_asking(DEPLOY),
    *_beginning(DEPLOY),
    *_succeeding(DEPLOY),
    Point("prune", PRUNING, "before", "docker image rm *", changed=True, settled=True),
    *_putting_back(RESTORE),
    *_keeping(KEEPING),
    *_asking(ROLLBACK),
    *_beginning(ROLLBACK),
    *_succeeding(ROLLBACK),
)

ASKING: Final = (
    "docker compose * config *",
    "docker events *",
    "docker image inspect *",
    "docker image ls *",
    "docker info *",
    "docker inspect *",
    "docker ps *",
    "docker version *",
    "dd bs=512 count=*",  # from one pipe into another
    "dd if=/dev/null of=/dev/null *",
    "sed -n*",
    "sed -E *",
)
"""Calls that change nothing."""
