"""Whether a service was down, or was stopped, without need. Pure.

Both are judged by what can be seen from outside: what it answered, and what docker did.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

CHANGING = frozenset({"create", "start", "kill", "stop", "die", "pause", "rename", "destroy"})
"""What docker says when something becomes of a container. It also tells of each health check."""


@dataclass(frozen=True)
class Span:
    """From one moment to another, in seconds since 1970."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.begin

    def meets(self, other: Span) -> bool:
        """Whether both have a moment in common."""
        return self.begin <= other.end and other.begin <= self.end


@dataclass(frozen=True)
class Answer:
    """What the service answered: the tag that it runs, or nothing."""

    at: float
    tag: str | None


@dataclass(frozen=True)
class Event:
    """What docker did with a container of the service, in docker's words, and the tag it is of."""

    at: float
    action: str
    container: str
    tag: str


@dataclass(frozen=True)
class Watched:
    """A service during a job.

    Attributes:
        target: the tag that the job shall bring.
        serving: ids of the containers that were healthy when it began.
        answers: in their order.
        events: in their order.
        without_docker: when a fault had stopped docker, and what it runs.
    """

    target: str
    serving: frozenset[str]
    answers: tuple[Answer, ...]
    events: tuple[Event, ...]
    without_docker: tuple[Span, ...] = ()

    @property
    def gaps(self) -> list[Span]:
        """When it was down: from the last answer before to the first one after."""
        found: list[Span] = []
        down, good = False, self.answers[0].at
        for answer in self.answers:
            if down:
                found[-1] = Span(good, answer.at)
            elif answer.tag is None:
                found.append(Span(good, answer.at))
            down = answer.tag is None
            if not down:
                good = answer.at
        return found

    @property
    def longest_gap(self) -> float:
        """In seconds; 0: it was never down."""
        return max((gap.seconds for gap in self.gaps), default=0.0)

    @property
    def events_of_old(self) -> list[Event]:
        """What became of the containers of other releases than the new one."""
        return [e for e in self.events if e.action in CHANGING and e.tag != self.target]

    @property
    def told(self) -> str:
        """What became of the containers, for a message."""
        return "\n".join(
            f"{each.at:.3f} {each.action} {each.container[:12]} {each.tag}"
            for each in self.events
            if each.action in CHANGING or each.action.startswith("health_status")
        )

    def answers_about(self, moment: float) -> list[Answer]:
        """What was answered a tenth of a second before and after it, for a message."""
        return [each for each in self.answers if abs(each.at - moment) < 0.1]

    def is_excused(self, span: Span) -> bool:
        """Whether a fault had stopped docker then."""
        return any(span.meets(other) for other in self.without_docker)


def needless_gaps(watched: Watched, *, once: str = "start") -> list[Span]:
    """Return when the service was down though the new release was never started until the end.

    A service of which docker has stopped nothing yet, and which does not answer, is on a machine
    that has no time for it: no run's doing.

    Args:
        watched: what was seen.
        once: what docker must have done with the new release; "create" for a fault that keeps
            it from being started once the old one is gone.
    """
    # Docker tells of a start when it has done all about it: by then the new release may answer.
    begun = [
        *(e.at for e in watched.events if (e.action, e.tag) == (once, watched.target)),
        *(answer.at for answer in watched.answers if answer.tag == watched.target),
    ]
    first = min(begun, default=float("inf"))
    touched = min((event.at for event in watched.events_of_old), default=float("inf"))
    return [
        gap for gap in watched.gaps if touched < gap.end < first and not watched.is_excused(gap)
    ]


def needless_stops(watched: Watched, *, late: float = 0.0) -> list[Event]:
    """Return each stop of a healthy old container for which there was no new one to start.

    Args:
        watched: what was seen.
        late: seconds that docker may take to do what somebody had asked of it who is gone by then:
            for so long, a new container counts that was removed.
    """
    return list(_needless_stops(watched, late))


@dataclass
class _Now:
    """The containers at one moment.

    Attributes:
        healthy: the old ones that are.
        promising: the new ones that may serve, each with the moment until which it counts.
    """

    healthy: set[str]
    promising: dict[str, float] = field(default_factory=dict)

    def is_promising(self, moment: float) -> bool:
        """Whether there is a new one that may serve."""
        return any(moment < until for until in self.promising.values())


def _needless_stops(watched: Watched, late: float) -> Iterator[Event]:
    now = _Now(set(watched.serving))
    for event in watched.events:
        if event.tag == watched.target:
            _follow_new(now, event, late)
            continue
        match event.action:
            case "health_status: healthy":
                now.healthy.add(event.container)
            case "kill" | "pause":
                healthy = event.container in now.healthy
                excused = watched.is_excused(Span(event.at, event.at))
                if healthy and not now.is_promising(event.at) and not excused:
                    yield event
                now.healthy.discard(event.container)
            case "health_status: unhealthy" | "start" | "die" | "destroy":
                now.healthy.discard(event.container)
            case _:
                pass


def _follow_new(now: _Now, event: Event, late: float) -> None:
    match event.action:
        case "create" | "start" | "health_status: healthy":
            now.promising[event.container] = float("inf")
        case "destroy" if event.container in now.promising:
            now.promising[event.container] = event.at + late
        case "kill" | "die" | "health_status: unhealthy":
            now.promising.pop(event.container, None)
        case _:
            pass
