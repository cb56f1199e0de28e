"""A value is followed link by link, as GitHub would hand it over.

What does not exist is an empty text to GitHub. Here it is a broken link.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from deployctl.lint.expressions.parser import parse
from deployctl.lint.expressions.template import whole
from deployctl.lint.expressions.tree import (
    Access,
    And,
    Call,
    Compare,
    Expression,
    Filter,
    Joined,
    Literal,
    Name,
    Not,
    Or,
    Path,
    path,
)
from deployctl.lint.findings import Place
from deployctl.lint.runs.jobs import Position
from deployctl.lint.shell.expansions import Expansion, expansions
from deployctl.lint.sources import between_jobs, known, scripts
from deployctl.lint.sources.between_jobs import Definition
from deployctl.lint.sources.source import End, Kind, Scope, Source, scope_of
from deployctl.lint.steps.deploys import is_deployctl_action
from deployctl.lint.steps.script import Written
from deployctl.lint.workflow.document import Scalar

_LONGEST_WAY = 40
_MOST_LINKS = 500


def sources(written: Written, position: Position) -> list[Source]:
    """Return all that a value of a step can come from.

    A condition, `a || b`, has several. Each is told once.
    """
    tracer = _Tracer(written.place)
    follow = tracer.word if written.in_shell else tracer.text
    return list(dict.fromkeys(follow(written.text, scope_of(position))))


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

    def found(self, kind: Kind, what: str, position: Position | None = None) -> list[Source]:
        return [Source(kind, self.place, what, position)]

    def end(self, end: End) -> list[Source]:
        return [Source(end.kind, end.place or self.place, end.what, text=end.text)]

    def _lost(self) -> bool:
        """Whether the way goes in circles, or there are too many ways."""
        self.left[0] -= 1
        return self.links > _LONGEST_WAY or self.left[0] < 0

    def _made_of(self, parts: list[Source], what: str) -> list[Source]:
        """What is put together of others is made here, unless one of them tells worse."""
        worse = [each for each in parts if each.kind in {Kind.BROKEN, Kind.MUTABLE}]
        return worse or self.found(Kind.COMPUTED, what)

    # ------------------------------------------------------------ texts and their expressions

    def scalar(self, scalar: Scalar, scope: Scope) -> list[Source]:
        if self._lost():
            return self.found(Kind.BROKEN, "a value that leads back to itself")
        return self.at(scalar.place).text(scalar.value, scope)

    def text(self, text: str, scope: Scope) -> list[Source]:
        """Follow a text in which GitHub replaces `${{ }}`."""
        return self._expression(whole(text.strip()), scope)

    def _expression(self, expression: Expression, scope: Scope) -> list[Source]:
        match expression:
            case Literal(value):
                return self.end(known.constant("" if value is None else str(value)))
            case Or(operands):
                return [each for one in operands for each in self._expression(one, scope)]
            case And(operands):  # `condition && value`
                return self._expression(operands[-1], scope)
            case Joined(pieces) | Call(_, pieces):
                return self._assembled(pieces, scope)
            case Not() | Compare():
                return self.found(Kind.LITERAL, "true or false")
            case Name() | Access() | Filter():
                names = path(expression)
                if names is None:
                    return self.found(Kind.FOREIGN, "a value that is chosen at run time")
                return self._named(names, scope)

    def _assembled(self, pieces: tuple[Expression, ...], scope: Scope) -> list[Source]:
        variable = [each for each in pieces if not isinstance(each, Literal)]
        if not variable:
            return self.found(Kind.FOREIGN, "the result of a function")
        parts = [each for piece in variable for each in self._expression(piece, scope)]
        return self._made_of(parts, "a tag that is put together")

    def _named(self, names: Path, scope: Scope) -> list[Source]:
        match names:
            case ("needs", job, "outputs", output):
                return self._follow(between_jobs.output_of_need(job, output, scope))
            case ("jobs", job, "outputs", output) if scope.called:
                return self._follow(between_jobs.output_of_called_job(job, output, scope))
            case ("steps", step, "outputs", output):
                return self._output_of_step(step, output, scope)
            case ("inputs", name) | ("github", "event", "inputs", name):
                return self._follow(between_jobs.input_of_workflow(name, scope))
            case ("env", name):
                return self._variable(name, scope)
            case ("github", *rest):
                return self.end(known.of_github(rest))
            case (("vars" | "secrets" | "matrix" | "runner"), name, *_):
                return self.found(Kind.FOREIGN, f"{names[0]}.{name}")
            case _:
                return self.found(Kind.BROKEN, f"{'.'.join(names)} does not exist")

    def _follow(self, found: Definition | End) -> list[Source]:
        if isinstance(found, End):
            return self.end(found)
        return self.scalar(found.text, found.scope)

    # ------------------------------------------------------------ outputs of steps

    def _output_of_step(self, step: str, output: str, scope: Scope) -> list[Source]:
        job_run = scope.job_run
        steps = job_run.job.steps[: scope.before] if job_run else ()
        index = next((i for i, each in enumerate(steps) if each.id == step), None)
        if job_run is None or index is None:
            where = f" before it in job {job_run.job.id}" if job_run else ""
            return self.found(Kind.BROKEN, f"there is no step {step!a}{where}")
        position = Position(job_run, index)
        if position.step.run is None:
            return self.at(position.step.place).made_by_action(position, output)
        return self._made_by_script(position, position.step.run.value, output)

    def _made_by_script(self, position: Position, script: str, output: str) -> list[Source]:
        step = position.step
        there = self.at(step.place)
        words = scripts.outputs(step, output)
        if words:
            return there.words(words, position)
        if not scripts.writes_outputs(script):
            return there.found(Kind.UNSEEN, f"step {step.name}", position)
        if scripts.names_output(script, output):
            return there.found(Kind.COMPUTED, f"step {step.name}", position)
        return self.found(Kind.BROKEN, f"step {step.name} writes no output {output!a}")

    def made_by_action(self, position: Position, output: str) -> list[Source]:
        step = position.step
        if is_deployctl_action(step) and output in {"tag", "digest"} and output in step.inputs:
            return self.scalar(step.inputs[output], scope_of(position))
        if step.action == "docker/metadata-action":
            tags = step.inputs.get("tags")
            if tags is None or not re.search(r"type=(sha|raw,value=\$\{\{)", tags.value):
                return self.found(Kind.MUTABLE, "docker/metadata-action without type=sha")
        return self.found(Kind.COMPUTED, f"step {step.name}", position)

    def words(self, words: list[Written], position: Position) -> list[Source]:
        """Follow the words that a step writes; what is computed in one, the step computes."""
        return [
            replace(each, position=position)
            if each.position is None and each.kind is Kind.COMPUTED
            else each
            for word in words
            for each in self.at(word.place).word(word.text, scope_of(position))
        ]

    # ------------------------------------------------------------ words of a shell

    def word(self, word: str, scope: Scope) -> list[Source]:
        """Follow a word in which a shell replaces variables."""
        if self._lost():
            return self.found(Kind.BROKEN, "a value that leads back to itself")
        pieces = expansions(word)
        replaced = [each for each in pieces if isinstance(each, Expansion)]
        if not replaced:
            return self.end(known.constant(word))
        parts = [each for piece in replaced for each in self._expansion(piece, scope)]
        if len(pieces) == 1:
            return parts
        return self._made_of(parts, "a tag that is put together")

    def _expansion(self, piece: Expansion, scope: Scope) -> list[Source]:
        if piece.kind == "expression":
            return self._expression(parse(piece.text), scope)
        if piece.kind == "command":
            return self.end(known.printed_by(piece.text))
        found = self._variable(piece.text.lower(), scope)
        if piece.change.startswith((":-", "-", ":=", "=")):
            default = piece.change.lstrip(":")[1:]
            return found + (self.end(known.constant(default)) if default else [])
        if piece.change.startswith((":?", "?")) or not piece.change:
            return found
        return self._made_of(found, f"a part of ${piece.text}")

    # ------------------------------------------------------------ variables

    def _variable(self, name: str, scope: Scope) -> list[Source]:
        """Follow a variable: set in the script, in an `env:`, or by an earlier step."""
        step = scope.step
        if step is None:
            return self._handed_on(name, scope)
        own = list(scripts.variables(step, name))
        if own:
            return [each for word in own for each in self._set_in_script(name, word, scope)]
        if name in step.environment:
            return self.scalar(step.environment[name], scope.outside(step.environment))
        return self._handed_on(name, scope)

    def _set_in_script(self, name: str, word: Written, scope: Scope) -> list[Source]:
        # TAG=${TAG#v} changes what comes from outside of the script.
        changes_itself = scripts.mentions(word.text, name)
        return self.at(word.place).word(
            word.text, replace(scope, index=None) if changes_itself else scope
        )

    def _handed_on(self, name: str, scope: Scope) -> list[Source]:
        """What an earlier step wrote to GITHUB_ENV, else the `env:` of the job or workflow."""
        job_run = scope.job_run
        if job_run is None:
            return self._of_runner(name, scope)
        for index in reversed(range(scope.before)):
            position = Position(job_run, index)
            words = scripts.exports(position.step, name)
            if words:
                return self.words(words, position)
        for environment in (job_run.job.environment, job_run.workflow.environment):
            if name in environment:
                return self.scalar(environment[name], scope.outside(environment))
        return self._of_runner(name, scope)

    def _of_runner(self, name: str, scope: Scope) -> list[Source]:
        end = known.of_runner(name)
        if end:
            return self.end(end)
        if scope.step and scripts.may_set(scope.step, name):
            return self.found(Kind.UNSEEN, f"the script that sets {name.upper()}")
        return self.found(Kind.BROKEN, f"nothing sets {name.upper()}")
