"""Where a value comes from: followed link by link, as GitHub would hand it over.

What does not exist is an empty text to GitHub. Here it is a broken link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from deployctl.image import tag_problem
from deployctl.lint import expressions, shell
from deployctl.lint.document import Scalar
from deployctl.lint.expressions import (
    And,
    Call,
    Compare,
    Expression,
    Joined,
    Literal,
    Not,
    Or,
    Path,
)
from deployctl.lint.findings import Place
from deployctl.lint.graph import Instance, Position
from deployctl.lint.recognise import Written, is_deployctl_action, place_in, script_of
from deployctl.lint.workflow import Step, Texts

_LONGEST_WAY = 40
_MOST_LINKS = 500
_HERE_DOCUMENT = re.compile(r"<<-?\s*['\"]?[A-Za-z_]")


class Kind(Enum):
    """What a value turns out to be."""

    COMPUTED = "computed"
    """Made there, from the commit."""
    MUTABLE = "mutable"
    """A name that moves: latest, a branch, a version."""
    LITERAL = "literal"
    """Written into the workflow."""
    FOREIGN = "foreign"
    """From outside of the chain: typed, or kept in a setting."""
    BROKEN = "broken"
    """Empty: a link leads nowhere."""
    UNSEEN = "unseen"
    """From a workflow or program that is not in these files."""


@dataclass(frozen=True)
class Origin:
    """One source of a value.

    Attributes:
        place: where it is written.
        what: the source in words; of a broken link, what does not exist.
        position: the step that makes it, if one does.
        text: of a fixed text, itself.
    """

    kind: Kind
    place: Place
    what: str
    position: Position | None = None
    text: str = ""


@dataclass(frozen=True)
class Scope:
    """From where a name is looked up.

    Attributes:
        instance: the job.
        before: the steps in front of this index are known; 0: outside of the job's steps.
        index: the step whose own environment counts; None: none.
        called: of a called workflow's outputs, its jobs.
    """

    instance: Instance | None
    before: int = 0
    index: int | None = None
    called: tuple[Instance, ...] = ()

    @property
    def step(self) -> Step | None:
        """The step itself."""
        if self.instance is None or self.index is None:
            return None
        return self.instance.job.steps[self.index]

    def outside(self, environment: Texts) -> Scope:
        """Return the scope of an `env:` itself: of a step's, the job; else, no steps."""
        own = self.step is not None and self.step.environment is environment
        return Scope(self.instance, self.before if own else 0)


def scope_of(position: Position) -> Scope:
    """Return the scope of a step's own texts."""
    return Scope(position.instance, position.index, position.index)


def origins(written: Written, position: Position) -> list[Origin]:
    """Return all that a value of a step can come from.

    A condition, `a || b`, has several. Each is told once.
    """
    tracer = _Tracer(written.place)
    found = tracer.word if written.in_shell else tracer.text
    return list(dict.fromkeys(found(written.text, scope_of(position))))


@dataclass(frozen=True)
class _Tracer:
    """Follows one value.

    Attributes:
        place: where what is read now is written.
        links: how many links were followed to here.
        left: how many more may be followed, on all ways together.
    """

    place: Place
    links: int = 0
    left: list[int] = field(default_factory=lambda: [_MOST_LINKS])

    def at(self, place: Place) -> _Tracer:
        return replace(self, place=place, links=self.links + 1)

    def found(
        self, kind: Kind, what: str, position: Position | None = None, text: str = ""
    ) -> Iterator[Origin]:
        yield Origin(kind, self.place, what, position, text)

    def _lost(self) -> bool:
        """Whether the way goes in circles, or there are too many ways."""
        self.left[0] -= 1
        return self.links > _LONGEST_WAY or self.left[0] < 0

    def scalar(self, scalar: Scalar, scope: Scope) -> Iterator[Origin]:
        if self._lost():
            return self.found(Kind.BROKEN, "a value that leads back to itself")
        return self.at(scalar.place).text(scalar.value, scope)

    def text(self, text: str, scope: Scope) -> Iterator[Origin]:
        """Follow a text in which GitHub replaces `${{ }}`."""
        return self.expression(expressions.whole(text.strip()), scope)

    # ------------------------------------------------------------ expressions

    def expression(self, expression: Expression, scope: Scope) -> Iterator[Origin]:
        match expression:
            case Literal(value):
                yield from self._constant("" if value is None else str(value))
            case Or(operands):
                for operand in operands:
                    yield from self.expression(operand, scope)
            case And(operands):  # `condition && value`
                yield from self.expression(operands[-1], scope)
            case Joined(pieces) | Call(_, pieces):
                yield from self._assembled(pieces, scope)
            case Not() | Compare():
                yield from self.found(Kind.LITERAL, "true or false")
            case _:
                names = expressions.path(expression)
                if names is None:
                    yield from self.found(Kind.FOREIGN, "a value that is chosen at run time")
                else:
                    yield from self._named(names, scope)

    def _constant(self, text: str) -> Iterator[Origin]:
        if not text:
            return self.found(Kind.BROKEN, "an empty text")
        if "$" in text or "`" in text:
            return self.found(Kind.UNSEEN, "a value that only the script knows")
        if tag_problem(text, long_tags=True) is None or re.fullmatch(r"[0-9a-f]{7,40}", text):
            return self.found(Kind.LITERAL, f"the fixed tag {text!a}", text=text)
        return self.found(Kind.MUTABLE, f"the fixed name {text[:60]!a}", text=text)

    def _assembled(self, pieces: tuple[Expression, ...], scope: Scope) -> Iterator[Origin]:
        """A text that is put together here is made here, unless a piece tells worse."""
        found = [
            origin
            for piece in pieces
            if not isinstance(piece, Literal)
            for origin in self.expression(piece, scope)
        ]
        worse = [each for each in found if each.kind in {Kind.BROKEN, Kind.MUTABLE}]
        if worse or not found:
            return iter(worse or [Origin(Kind.FOREIGN, self.place, "the result of a function")])
        return self.found(Kind.COMPUTED, "a tag that is put together")

    def _named(self, names: Path, scope: Scope) -> Iterator[Origin]:
        match names:
            case ("needs", job, "outputs", output):
                yield from self._output_of_need(job, output, scope)
            case ("jobs", job, "outputs", output) if scope.called:
                yield from self._output_of_called_job(job, output, scope)
            case ("steps", step, "outputs", output):
                yield from self._output_of_step(step, output, scope)
            case ("inputs", name) | ("github", "event", "inputs", name):
                yield from self._input(name, scope)
            case ("env", name):
                yield from self._variable(name, scope)
            case ("github", *rest):
                yield from self._github(rest)
            case (("vars" | "secrets" | "matrix" | "runner"), name, *_):
                yield from self.found(Kind.FOREIGN, f"{names[0]}.{name}")
            case _:
                yield from self.found(Kind.BROKEN, f"{'.'.join(names)} does not exist")

    def _github(self, names: list[str]) -> Iterator[Origin]:
        match names:
            case ["sha"] | ["workflow_sha"] | [*_, ("head_sha" | "after")]:
                return self.found(Kind.COMPUTED, "the commit itself")
            case ["ref" | "ref_name" | "head_ref" | "base_ref"] | [
                *_,
                ("head_branch" | "tag_name"),
            ]:
                return self.found(Kind.MUTABLE, f"the branch, github.{'.'.join(names)}")
            case _:
                return self.found(Kind.FOREIGN, f"github.{'.'.join(names)}")

    # ------------------------------------------------------------ between jobs and workflows

    def _output_of_need(self, job: str, output: str, scope: Scope) -> Iterator[Origin]:
        instance = scope.instance
        need = instance.need(job) if instance else None
        if need is None:
            mine = f"job {instance.job.id}" if instance else "a workflow's output"
            return self.found(Kind.BROKEN, f"{mine} does not need a job {job!a}")
        return self._output_of_job(need, output)

    def _output_of_called_job(self, job: str, output: str, scope: Scope) -> Iterator[Origin]:
        found = next((each for each in scope.called if each.job.id == job), None)
        if found is None:
            return self.found(Kind.BROKEN, f"there is no job {job!a}")
        return self._output_of_job(found, output)

    def _output_of_job(self, instance: Instance, output: str) -> Iterator[Origin]:
        job = instance.job
        if job.uses is None:
            written = job.outputs.get(output)
            scope = Scope(instance, before=len(job.steps))
        elif instance.called:
            workflow = instance.called[0].workflow
            written = workflow.called_outputs.get(output)
            scope = Scope(None, called=tuple(instance.called))
        else:
            return self.found(Kind.UNSEEN, f"the workflow {job.uses.value}")
        if written is None:
            return self.found(Kind.BROKEN, f"job {job.id} has no output {output!a}")
        return self.scalar(written, scope)

    def _input(self, name: str, scope: Scope) -> Iterator[Origin]:
        instance = scope.instance
        if instance is None:
            return self.found(Kind.BROKEN, f"inputs.{name} is not known there")
        workflow, caller = instance.workflow, instance.caller
        if caller is None and name in workflow.typed_inputs:
            return self.found(Kind.FOREIGN, f"the input {name!a} that a person types")
        if name not in workflow.called_inputs:
            return self.found(Kind.BROKEN, f"{workflow.file_name} has no input {name!a}")
        given = caller.job.inputs.get(name) if caller else workflow.called_inputs[name]
        if given is None and caller is not None:
            given = workflow.called_inputs[name]
        if given is not None:
            return self.scalar(given, Scope(caller))
        if caller is None and workflow.is_only_called:
            return self.found(Kind.UNSEEN, f"whoever calls {workflow.file_name}")
        if caller is None:
            return self.found(Kind.BROKEN, f"no event gives the input {name!a}")
        return self.at(caller.job.place).found(
            Kind.BROKEN, f"job {caller.job.id} passes no input {name!a}"
        )

    # ------------------------------------------------------------ steps

    def _output_of_step(self, step: str, output: str, scope: Scope) -> Iterator[Origin]:
        instance = scope.instance
        steps = instance.job.steps[: scope.before] if instance else ()
        index = next((i for i, each in enumerate(steps) if each.id == step), None)
        if instance is None or index is None:
            where = f" before it in job {instance.job.id}" if instance else ""
            return self.found(Kind.BROKEN, f"there is no step {step!a}{where}")
        return self.at(steps[index].place).made_by(Position(instance, index), output, self)

    def made_by(self, position: Position, output: str, reader: _Tracer) -> Iterator[Origin]:
        step = position.step
        if step.run is None:
            return self._made_by_action(position, output)
        script = step.run.value
        words = list(_assigned(step, output))
        if words:
            return self._words(words, position)
        if "GITHUB_OUTPUT" not in script and "::set-output" not in script:
            return self.found(Kind.UNSEEN, f"step {step.name}", position)
        # Not an assignment of the shell, but the name inside of a text that is written.
        if re.search(rf"(?i)\b{re.escape(output)}(=|<<)", _without_assignments(script)):
            return self.found(Kind.COMPUTED, f"step {step.name}", position)
        return reader.found(Kind.BROKEN, f"step {step.name} writes no output {output!a}")

    def _words(self, words: list[tuple[str, Place]], position: Position) -> Iterator[Origin]:
        for word, place in words:
            for origin in self.at(place).word(word, scope_of(position)):
                made_here = origin.position is None and origin.kind is Kind.COMPUTED
                yield replace(origin, position=position) if made_here else origin

    def _made_by_action(self, position: Position, output: str) -> Iterator[Origin]:
        step = position.step
        if is_deployctl_action(step) and output in {"tag", "digest"} and output in step.inputs:
            return self.scalar(step.inputs[output], scope_of(position))
        if step.action == "docker/metadata-action":
            tags = step.inputs.get("tags")
            if tags is None or not re.search(r"type=(sha|raw,value=\$\{\{)", tags.value):
                return self.found(Kind.MUTABLE, "docker/metadata-action without type=sha")
        return self.found(Kind.COMPUTED, f"step {step.name}", position)

    # ------------------------------------------------------------ words of a shell

    def word(self, word: str, scope: Scope) -> Iterator[Origin]:
        """Follow a word in which a shell replaces variables."""
        if self._lost():
            return self.found(Kind.BROKEN, "a value that leads back to itself")
        parts = shell.expansions(word)
        if not any(isinstance(part, shell.Expansion) for part in parts):
            return self._constant(word)
        if len(parts) == 1 and isinstance(parts[0], shell.Expansion):
            return self._expansion(parts[0], scope)
        return self._mixed([part for part in parts if isinstance(part, shell.Expansion)], scope)

    def _mixed(self, parts: list[shell.Expansion], scope: Scope) -> Iterator[Origin]:
        found = [origin for part in parts for origin in self._expansion(part, scope)]
        worse = [each for each in found if each.kind in {Kind.BROKEN, Kind.MUTABLE}]
        return iter(worse) if worse else self.found(Kind.COMPUTED, "a tag that is put together")

    def _expansion(self, part: shell.Expansion, scope: Scope) -> Iterator[Origin]:
        if part.kind == "expression":
            yield from self.expression(expressions.parse(part.text), scope)
        elif part.kind == "command":
            branch = re.search(r"abbrev-ref|branch --show-current|git describe", part.text)
            kind = Kind.MUTABLE if branch else Kind.COMPUTED
            yield from self.found(kind, f"what `{part.text[:60]}` prints")
        elif part.change.startswith((":-", "-", ":=", "=")):
            yield from self._variable(part.text.lower(), scope)
            default = part.change.lstrip(":")[1:]
            yield from self._constant(default) if default else ()
        elif part.change.startswith((":?", "?")) or not part.change:
            yield from self._variable(part.text.lower(), scope)
        else:
            found = list(self._variable(part.text.lower(), scope))
            worse = [each for each in found if each.kind in {Kind.BROKEN, Kind.MUTABLE}]
            yield from worse or self.found(Kind.COMPUTED, f"a part of ${part.text}")

    def _variable(self, name: str, scope: Scope) -> Iterator[Origin]:
        """Follow a variable: set in the script, in an `env:`, or by an earlier step."""
        local = list(_set_in_script(scope.step, name)) if scope.step else []
        if local:
            # TAG=${TAG#v} changes what comes from outside of the script.
            outside = replace(scope, index=None, before=scope.before)
            for word, place in local:
                mentions_itself = re.search(rf"(?i)\$\{{?{re.escape(name)}\b", word)
                yield from self.at(place).word(word, outside if mentions_itself else scope)
            return
        if scope.step and name in scope.step.environment:
            environment = scope.step.environment
            yield from self.scalar(environment[name], scope.outside(environment))
            return
        yield from self._exported(name, scope)

    def _exported(self, name: str, scope: Scope) -> Iterator[Origin]:
        """What an earlier step wrote to GITHUB_ENV, else the `env:` of the job or workflow."""
        instance = scope.instance
        if instance is None:
            return self._of_runner(name, scope)
        for index in reversed(range(scope.before)):
            words = list(_exports(instance.job.steps[index], name))
            if words:
                return self._words(words, Position(instance, index))
        for environment in (instance.job.environment, instance.workflow.environment):
            if name in environment:
                return self.scalar(environment[name], scope.outside(environment))
        return self._of_runner(name, scope)

    def _of_runner(self, name: str, scope: Scope) -> Iterator[Origin]:
        match name:
            case "github_sha":
                return self.found(Kind.COMPUTED, "the commit itself")
            case "github_ref" | "github_ref_name" | "github_head_ref" | "github_base_ref":
                return self.found(Kind.MUTABLE, f"the branch, ${name.upper()}")
            case _ if name.startswith(("github_", "runner_")):
                return self.found(Kind.FOREIGN, f"${name.upper()}")
            case _ if scope.step and _may_set(scope.step, name):
                return self.found(Kind.UNSEEN, f"the script that sets {name.upper()}")
            case _:
                return self.found(Kind.BROKEN, f"nothing sets {name.upper()}")


# ---------------------------------------------------------------- texts of scripts


def _assigned(step: Step, output: str) -> Iterator[tuple[str, Place]]:
    """Return the words that a step writes to an output, `echo "tag=WORD" >> …`."""
    return _written(step, output, "GITHUB_OUTPUT", f"::set-output name={output}::")


def _exports(step: Step, name: str) -> Iterator[tuple[str, Place]]:
    return _written(step, name, "GITHUB_ENV", "")


def _written(step: Step, name: str, file: str, prefix: str) -> Iterator[tuple[str, Place]]:
    if step.run is None or not (
        file in step.run.value or (prefix and "::set-output" in step.run.value)
    ):
        return
    if _HERE_DOCUMENT.search(step.run.value):
        for match in re.finditer(rf"(?im)^[ \t]*{re.escape(name)}=(.*)$", step.run.value):
            yield match[1].strip(), step.run.place_of(match.start(1))
    for command in script_of(step):
        if command.program not in {"echo", "printf"}:
            continue
        for word in command.words[1:]:
            lower = word.lower()
            start = next((p for p in (f"{name}=", prefix) if p and lower.startswith(p)), "")
            if start:
                value = word[len(start) :].removesuffix("\\n")
                yield _printed(value, command.words), place_in(step, command)


def _without_assignments(script: str) -> str:
    return re.sub(r"(?m)^[ \t]*(export |local )?\w+=", "", script)


def _printed(value: str, words: tuple[str, ...]) -> str:
    """Return what printf puts for the one `%s` of its format."""
    return value.replace("%s", words[2]) if "%s" in value and len(words) > 2 else value  # noqa: PLR2004 - the word behind the format


def _set_in_script(step: Step, name: str) -> Iterator[tuple[str, Place]]:
    for command in script_of(step):
        for key, value in command.assignments.items():
            if key.lower() == name:
                yield value, place_in(step, command)


def _may_set(step: Step, name: str) -> bool:
    """Whether a script may set a variable in a way that is not followed: a loop, `read`, a file."""
    if any(each.program in {"source", ".", "eval"} for each in script_of(step)):
        return True
    bare = rf"(?i)(?<![$\w{{]){re.escape(name)}\b(?!=)"
    return step.run is not None and re.search(bare, step.run.value) is not None
