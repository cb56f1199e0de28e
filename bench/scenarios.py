"""What is measured."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contenders import Contender
from bench.measure import Scenario, commands
from bench.stage import Stage, WrongStateError
from bench.workstation import Place
from tests.vps.catalogue import GOOD

OLD, NEW = GOOD[0].tag, GOOD[1].tag
STATUS, NO_OP, DEPLOY = "status of one host", "no-op", "deploy, cached tag"


def changes(contenders: Sequence[Contender], stage: Stage) -> list[Scenario]:
    """Return what is done to one host."""

    def old_runs(_: str) -> None:
        stage.releases(OLD)

    def new_is_cached(_: str) -> None:
        stage.releases(OLD)
        stage.fetch(NEW)

    def both_were_released(_: str) -> None:
        stage.releases(OLD, NEW)

    def new_serves(_: str) -> None:
        stage.require(NEW)

    def old_serves(_: str) -> None:
        stage.require(OLD)

    deploy_new = commands(contenders, lambda c: c.deploy(NEW))
    return [
        Scenario("deploy, new tag", deploy_new, old_runs, new_serves),
        Scenario(DEPLOY, deploy_new, new_is_cached, new_serves),
        Scenario(
            "rollback",
            commands(contenders, lambda c: c.rollback(OLD)),
            both_were_released,
            old_serves,
        ),
        _no_op(contenders, stage),
    ]


def status(contenders: Sequence[Contender], places: Sequence[Place], stage: Stage) -> Scenario:
    """Return the question to one host, or to many."""

    def check(answer: str) -> None:
        stage.require_answer(answer, OLD, len(places))

    return Scenario(
        STATUS if len(places) == 1 else f"status of {len(places)} hosts",
        commands(contenders, lambda c: c.status(places)),
        lambda _: stage.releases(OLD),
        check,
        changes=False,
    )


def _no_op(contenders: Sequence[Contender], stage: Stage) -> Scenario:
    """Deploy what runs: each finds its own deploy, which it must leave alone.

    Its own, as Compose makes a new container if the one that is there was started with
    --no-deps and it is called without it, or the other way round.
    """
    deploy_old = commands(contenders, lambda c: c.deploy(OLD))
    container = ""

    def prepare(name: str) -> None:
        nonlocal container
        stage.releases(OLD)
        stage.run(deploy_old[name])
        container = stage.container()

    def check(_: str) -> None:
        stage.require(OLD)
        if stage.container() != container:
            raise WrongStateError("the container is another one now")

    return Scenario(NO_OP, deploy_old, prepare, check)
