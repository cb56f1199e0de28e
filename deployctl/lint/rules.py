"""The rules of the chain, one function each: chain → findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from deployctl.lint.chain import Chain, DeployStep
from deployctl.lint.document import Scalar
from deployctl.lint.expressions import embedded, path, walk
from deployctl.lint.findings import Finding, Place
from deployctl.lint.graph import Instance, Position, steps_of
from deployctl.lint.provenance import Kind, Origin, origins
from deployctl.lint.recognise import (
    Written,
    gitops,
    other_ways,
    place_in,
    pushes,
    scans,
    script_of,
    tests_ignored,
)
from deployctl.lint.simulate import (
    FAILURE,
    SKIPPED,
    Scenario,
    Simulation,
    conditions_of,
    may_run,
    other_events,
    survives,
    wanted_events,
)

RuleFunction = Callable[[Chain], Iterator[Finding]]


def check(chain: Chain) -> list[Finding]:
    """Return all findings, each place once for each rule, by file and line."""
    found: dict[tuple[Place, str], Finding] = {}
    for rule in RULE_FUNCTIONS:
        for finding in rule(chain):
            found.setdefault((finding.place, finding.rule), finding)
    return sorted(found.values(), key=lambda finding: (finding.place, finding.rule))


# ---------------------------------------------------------------- where the tag comes from

_FIXES = {
    Kind.MUTABLE: "pass the output of the step that computes sha-${GITHUB_SHA::7}",
    Kind.LITERAL: "pass the output of the step that computes it; to go back, use rollback",
    Kind.FOREIGN: "pass the output of the job that built and scanned the image; "
    "to go back to a tag, use rollback",
}
_RULES = {
    Kind.MUTABLE: "tag-mutable",
    Kind.LITERAL: "tag-literal",
    Kind.FOREIGN: "tag-foreign",
}


def tag_source(chain: Chain) -> Iterator[Finding]:
    """A deploy is given no moving, fixed or foreign tag."""
    for each in chain.deploys:
        for origin in _tag_origins(each):
            if origin.kind in _RULES:
                reason = f"the deploy of {_service(each)} gets {origin.what}"
                yield Finding(origin.place, _RULES[origin.kind], reason, _FIXES[origin.kind])


def broken_links(chain: Chain) -> Iterator[Finding]:
    """Everything that the tag and the digest come by exists."""
    for each in chain.deploys:
        if each.deploy.tag is None:
            yield Finding(
                each.position.step.place,
                "link-broken",
                f"the deploy of {_service(each)} is given no tag",
                "pass the tag that the scanning job outputs",
            )
        for what, written in (("tag", each.deploy.tag), ("digest", each.deploy.digest)):
            for origin in origins(written, each.position) if written else ():
                if origin.kind is Kind.BROKEN:
                    yield _broken(origin, what, _service(each))


def _broken(origin: Origin, what: str, service: str) -> Finding:
    return Finding(
        origin.place,
        "link-broken",
        f"the {what} of the deploy of {service} is empty: {origin.what}",
        "correct the name, or declare and pass what it names",
    )


def broken_jobs(chain: Chain) -> Iterator[Finding]:
    """Every job and workflow that a deploying run names exists."""
    for instance in chain.deploying_jobs:
        job = instance.job
        for need in job.needs:
            if need.value.lower() not in instance.workflow.jobs:
                reason = f"job {job.id} needs {need.value!a}, which does not exist"
                yield Finding(need.place, "link-broken", reason, "correct the job's name")
        if job.uses and job.called_file and job.called_file not in chain.workflows:
            reason = f"job {job.id} calls {job.called_file!a}, which is not here"
            yield Finding(job.uses.place, "link-broken", reason, "correct the file's name")


def broken_secrets(chain: Chain) -> Iterator[Finding]:
    """Every secret of a deploy that a called workflow uses is passed to it."""
    for each in chain.deploys:
        step, job = each.position.step, each.instance.job
        texts = [*step.inputs.values(), *step.environment.values(), *job.environment.values()]
        for name in sorted({name for text in texts for name in _secrets(text)}):
            unpassing = _unpassing(each.instance, name)
            if unpassing:
                yield Finding(
                    unpassing.job.place,
                    "link-broken",
                    f"job {unpassing.job.id} does not pass the secret {name.upper()}, "
                    "which is therefore empty",
                    "pass it under `secrets:`",
                )


def _secrets(scalar: Scalar) -> Iterator[str]:
    for part in embedded(scalar.value):
        for expression in walk(part.expression):
            match path(expression):
                case ("secrets", name) if name != "github_token":
                    yield name


def _unpassing(instance: Instance, secret: str) -> Instance | None:
    """Return the calling job that does not pass a secret on; a passed one may be renamed."""
    caller = instance.caller
    if caller is None or caller.job.secrets is None:
        return _unpassing(caller, secret) if caller else None
    return None if secret in caller.job.secrets else caller


# ---------------------------------------------------------------- one place that computes it

_COMPUTES = re.compile(r"(?<![\w-])sha-\$|format\(\s*'sha-\{0\}'|type=sha\b", re.IGNORECASE)


def recomputed(chain: Chain) -> Iterator[Finding]:
    """The tag is computed in one place: the one that the scan and the deploy are given."""
    right_places: set[Place] = set()
    for each in chain.deploys:
        made = [origin for origin in _tag_origins(each) if origin.kind is Kind.COMPUTED]
        for origin in made:
            if not _comes_before_scan(origin, each):
                yield _recomputed(
                    origin.place,
                    f"the deploy of {_service(each)} gets {origin.what}, made where no scan saw it",
                )
        right_places |= _right_places(each, made)
    reported = {origin.place for each in chain.deploys for origin in _tag_origins(each)}
    for instance in chain.deploying_jobs:
        for place, position in _computations(instance):
            inside = position.step.place if position else place
            if place not in reported and not {place, inside} & right_places:
                yield _recomputed(place, "a tag is computed here, beside the one of the chain")


def _right_places(each: DeployStep, made: list[Origin]) -> set[Place]:
    """Return the step (or `env:`) that computes a deploy's tag: the origin, if it is a right one.

    Otherwise the first that computes a tag before a scan: where the chain should begin.
    """
    right = {
        origin.position.step.place if origin.position else origin.place
        for origin in made
        if _comes_before_scan(origin, each)
    }
    if right:
        return right
    for instance in dict.fromkeys(position.instance for position in each.before):
        for place, position in _computations(instance):
            origin = Origin(Kind.COMPUTED, place, "", position)
            if each.scans and _comes_before_scan(origin, each):
                return {position.step.place if position else place}
    return set()


def _recomputed(place: Place, reason: str) -> Finding:
    return Finding(place, "tag-recomputed", reason, "use the output that the chain passes on")


def _comes_before_scan(origin: Origin, each: DeployStep) -> bool:
    """Whether what makes the tag comes before a scan of the chain."""
    if origin.position is None:
        # An `env:` of the whole workflow is one place, too.
        workflow = each.instance.workflow
        return origin.place in {scalar.place for scalar in workflow.environment.values()}
    if not each.scans:  # that is a finding of its own
        return each.is_open or origin.position.instance is not each.instance
    return any(
        origin.position == position or origin.position in position.before()
        for position, _ in each.scans
    )


def _computations(instance: Instance) -> Iterator[tuple[Place, Position | None]]:
    """Return where a job puts a tag together, and in which step if it is in one."""
    job = instance.job
    texts = [job.environment, job.outputs, job.inputs, instance.workflow.environment]
    for scalar in (scalar for each in texts for scalar in each.values()):
        if _COMPUTES.search(scalar.value):
            yield scalar.place, None
    for position in steps_of(instance):
        step = position.step
        for scalar in (*step.inputs.values(), *step.environment.values()):
            if _COMPUTES.search(scalar.value):
                yield scalar.place, position
        for command in script_of(step):
            if any(map(_COMPUTES.search, (*command.words, *command.assignments.values()))):
                yield place_in(step, command), position


# ---------------------------------------------------------------- scan, push, tests


def scan_missing(chain: Chain) -> Iterator[Finding]:
    """A deploy needs a scan, and one that is not left out."""
    for each in _closed(chain):
        if not each.scans:
            yield Finding(
                each.outermost.job.place,
                "scan-missing",
                f"nothing that the deploy of {_service(each)} needs scans its image",
                "let the job `needs:` the one that builds, scans and pushes",
            )
        for position, _ in each.scans:
            condition = position.step.condition
            for scenario in _deploying_events(each, chain) if condition else ():
                if condition and Simulation(scenario, {}).reaches(position) is not True:
                    reason = "the scan may be left out, and the deploy runs all the same"
                    fix = "remove the condition of the scan"
                    yield Finding(condition.place, "scan-missing", reason, fix)


def scan_after_push(chain: Chain) -> Iterator[Finding]:
    """What is pushed was scanned before."""
    for each in _closed(chain):
        if not each.scans:  # that is a finding of its own
            continue
        for position in each.before:
            for place in pushes(position.step):
                if not _scanned_before(position, place):
                    yield Finding(
                        place,
                        "scan-after-push",
                        "the image is pushed before it is scanned",
                        "build without pushing, scan, then push what was scanned",
                    )


def _scanned_before(position: Position, place: Place) -> bool:
    if any(scan.place < place for scan in scans(position.step)):
        return True
    return any(True for earlier in position.before() for _ in scans(earlier.step))


def test_missing(chain: Chain) -> Iterator[Finding]:
    """A deploy needs the tests."""
    for each in _closed(chain):
        if not each.test_jobs and not each.test_steps:
            yield Finding(
                each.outermost.job.place,
                "test-missing",
                f"nothing that the deploy of {_service(each)} needs runs tests",
                "let the job that builds and scans `needs:` the tests",
            )


# ---------------------------------------------------------------- failures that count


def failure_ignored(chain: Chain) -> Iterator[Finding]:
    """A scan or test that fails, fails its job."""
    for each in chain.deploys:
        if all(scan.toothless for _, scan in each.scans):
            for _, scan in each.scans:
                yield _ignored(scan.place, f"the scan cannot fail: {scan.toothless}")
        ignored = [tests_ignored(position.step) for position in each.test_steps]
        if all(ignored):
            for place, reason in filter(None, ignored):
                yield _ignored(place, f"the tests cannot fail: {reason}")
        for instance in _checking_jobs(each):
            always = instance.job.continue_on_error
            if always and always.value.strip().lower() == "true":
                reason = f"job {instance.job.id} counts as successful when it fails"
                yield _ignored(always.place, reason)


def _ignored(place: Place, reason: str) -> Finding:
    return Finding(place, "failure-ignored", reason, "let the failure fail the job")


def failure_passed(chain: Chain) -> Iterator[Finding]:
    """Nothing that leads to a deploy runs behind a scan or test that failed."""
    for each in _closed(chain):
        for place in {**_surviving_steps(each), **_surviving_jobs(each, chain)}:
            yield Finding(
                place,
                "failure-passed",
                "with this condition it runs although a scan or the tests failed",
                "remove always(), failure() or !cancelled(): without them, all that it needs "
                "must have succeeded",
            )


def _surviving_steps(each: DeployStep) -> dict[Place, None]:
    """Steps that push or deploy after a failure in their own job."""
    found: dict[Place, None] = {}
    failing = [*(position for position, _ in each.scans), *each.test_steps]
    for later in (*each.before, each.position):
        matters = later == each.position or any(True for _ in pushes(later.step))
        for failed in failing if matters and later.step.condition else ():
            behind = failed.instance is later.instance and failed.index < later.index
            if behind and later.step.condition and survives(later, failed):
                found[later.step.condition.place] = None
    return found


def _surviving_jobs(each: DeployStep, chain: Chain) -> dict[Place, None]:
    """Jobs that run, up to the deploy, after a job has failed or was left out."""
    found: dict[Place, None] = {}
    for scenario in _deploying_events(each, chain):
        for instance in _checking_jobs(each):
            for forced in _ends_badly(instance, each, scenario):
                simulation = Simulation(scenario, forced)
                if simulation.reaches(each.position) is not False:
                    found |= dict.fromkeys(_culprits(each, simulation, instance))
    return found


def _ends_badly(
    instance: Instance, each: DeployStep, scenario: Scenario
) -> Iterator[dict[Instance, str]]:
    """How a checking job can end without success: with it, the jobs that called it fail."""
    if instance is each.instance:
        return
    around = [caller for caller in instance.callers if caller not in each.instance.callers]
    yield dict.fromkeys([instance, *around], FAILURE)
    if instance.job.condition and Simulation(scenario, {}).runs(instance) is not True:
        yield {instance: SKIPPED}


def _culprits(each: DeployStep, simulation: Simulation, ended: Instance) -> Iterator[Place]:
    way = [*each.instance.ancestors(), each.instance, *each.instance.callers]
    culprits = [one for one in way if simulation.let_through(one)] or [ended]
    for one in culprits:
        yield one.job.condition.place if one.job.condition else one.job.place


def _checking_jobs(each: DeployStep) -> list[Instance]:
    return list(
        dict.fromkeys([*(position.instance for position, _ in each.scans), *each.test_jobs])
    )


def _deploying_events(each: DeployStep, chain: Chain) -> Iterator[Scenario]:
    """The events on main after which the deploy can run when nothing fails."""
    for scenario in wanted_events(each.instance.root, chain.branch):
        if Simulation(scenario, {}).reaches(each.position) is not False:
            yield scenario


# ---------------------------------------------------------------- main, one way, one model


def not_main_only(chain: Chain) -> Iterator[Finding]:
    """A deploy runs for main only, on every branch of its condition."""
    for each in chain.deploys:
        conditions = [condition.expression for condition in conditions_of(each.position)]
        for scenario in other_events(each.instance.root, chain.branch, conditions):
            if may_run(each.position, scenario):
                condition = each.position.step.condition or each.instance.job.condition
                yield Finding(
                    condition.place if condition else each.instance.job.place,
                    "not-main-only",
                    f"the deploy of {_service(each)} also runs for {scenario}",
                    f"if: github.ref == 'refs/heads/{chain.branch}'",
                )
                break


def second_way(chain: Chain) -> Iterator[Finding]:
    """Nothing but deployctl reaches for the host."""
    if not chain.uses_deployctl:
        return
    for position in chain.positions():
        own = any("self-hosted" in label for label in position.instance.job.runs_on)
        for place, what in other_ways(position.step, on_own_machine=own):
            yield Finding(
                place,
                "second-way",
                f"this reaches for a host without deployctl: {what}",
                "use deployctl deploy, rollback or status; what else the host needs is not a "
                "workflow's business",
            )


def mixed_models(chain: Chain) -> Iterator[Finding]:
    """No service is deployed over SSH and through Git."""
    services = {
        origin.text
        for each in chain.deploys
        for origin in origins(each.deploy.service, each.position)
        if origin.text
    }
    for position in chain.positions() if services else ():
        place = gitops(position.step)
        named = _services_in(position, services) if place else []
        if place and named:
            yield Finding(
                place,
                "mixed-models",
                f"{named[0]} is also deployed with deployctl over SSH",
                "keep one model for a service, until the other one has proved stable",
            )


def _services_in(position: Position, services: set[str]) -> list[str]:
    """The services that a step mentions, itself or through its inputs and variables."""
    step = position.step
    scalars = [*step.inputs.values(), *step.environment.values()]
    texts = [step.run.value] if step.run else []
    for scalar in scalars:
        found = origins(Written(scalar.value, scalar.place), position)
        texts += [scalar.value, *(origin.text for origin in found)]
    text = "\n".join(texts)
    return [
        name
        for name in sorted(services)
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)
    ]


# ---------------------------------------------------------------- shared


def _tag_origins(each: DeployStep) -> list[Origin]:
    return origins(each.deploy.tag, each.position) if each.deploy.tag else []


def _closed(chain: Chain) -> list[DeployStep]:
    """The deploys whose whole chain is in these files."""
    return [each for each in chain.deploys if not each.is_open]


def _service(each: DeployStep) -> str:
    """The service's name, as far as it can be read; else what is written."""
    names = {o.text for o in origins(each.deploy.service, each.position) if o.text}
    return ", ".join(sorted(names)) or each.deploy.service.text or "a service"


RULE_FUNCTIONS: tuple[RuleFunction, ...] = (
    tag_source,
    broken_links,
    broken_jobs,
    broken_secrets,
    recomputed,
    scan_missing,
    scan_after_push,
    test_missing,
    failure_ignored,
    failure_passed,
    not_main_only,
    second_way,
    mixed_models,
)
