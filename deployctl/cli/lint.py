"""The command that looks at workflows, and at no host."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from deployctl import errors, workflow_events
from deployctl.cli.context import end_with
from deployctl.cli.options import JsonOption, NoGithubOption
from deployctl.errors import UsageError
from deployctl.render.output import Output
from deployctl.render.unwritable import quietly


def lint(
    directory: Annotated[
        str, typer.Argument(metavar="DIR", help="A repository, or a directory of workflows.")
    ] = ".",
    branch: Annotated[
        str, typer.Option(metavar="NAME", help="The only branch that deploys may come from.")
    ] = "main",
    json: JsonOption = False,
    sarif: Annotated[
        bool, typer.Option("--sarif", help="Print one SARIF document on stdout, for code scanning.")
    ] = False,
    github: Annotated[
        bool, typer.Option("--github", help="Annotate as in a GitHub workflow, also elsewhere.")
    ] = False,
    no_github: NoGithubOption = False,
) -> None:
    """Say whether the workflows of a repository keep the chain; asks no host."""
    if json and sarif:
        raise UsageError("usage", "--json and --sarif exclude each other", hint="take one of them")
    name = branch.removeprefix("refs/heads/")
    if not name:
        raise UsageError("usage", "--branch is empty", hint="the branch's name, like main")
    from deployctl.lint import lint

    report = lint(Path(directory), name)
    status = errors.EXIT_REFUSED if report.findings else errors.EXIT_OK
    in_workflow = workflow_events.in_workflow(os.environ) and not no_github
    # Its annotations are its own: each stands beside the line that it is about.
    status = Output(os.environ, json=json, github=False).lint(report, status, sarif=sarif)
    if github or in_workflow:
        from deployctl.render.github.job import GithubJob

        with quietly(sys.stderr):
            GithubJob(os.environ, sys.stderr).lint(report)
    end_with(status)
