"""The documentation, held against the code: what it lists is what there is."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from deployctl import errors
from deployctl.cli import app
from deployctl.compose.ending import REASONS
from deployctl.compose.preconditions import _PATH_STATES
from deployctl.inventory import parse
from deployctl.release import record
from tests.unit.source import SOURCES, error_calls, error_classes

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
EXIT_CODES = (ROOT / "docs/exit-codes.md").read_text("utf-8")
COMMANDS = (ROOT / "docs/commands.md").read_text("utf-8")
BAD_MOMENT = (ROOT / "docs/at-a-bad-moment.md").read_text("utf-8")
HISTORY_FORMAT = (ROOT / "docs/history-format.md").read_text("utf-8")
STATUSES = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def _section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level or above."""
    level = heading.partition(" ")[0]
    _, _, rest = text.partition(f"\n{heading}\n")
    assert rest, f"no heading {heading!r}"
    return re.split(rf"(?m)^#{{1,{len(level)}}} ", rest, maxsplit=1)[0]


def _rows(text: str) -> Iterator[list[str]]:
    """The cells of all rows of all tables, without the heads."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("|") and not line.startswith("|-") and not following.startswith("|-"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def _words(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def _block(text: str, language: str) -> str:
    blocks = _blocks(text, language)
    assert blocks, f"no block of {language}"
    return blocks[0]


def _blocks(text: str, language: str) -> list[str]:
    found = re.findall(rf"(?ms)^( *)```{language}\n(.*?)^\1```", text)
    return [textwrap.dedent(block) for _, block in found]


# ---------------------------------------------------------------- links


def _without_blocks(text: str) -> str:
    return re.sub(r"(?ms)^ *```.*?^ *```", "", text)


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", _without_blocks(text))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"(?m)^#+ (.+)$", _without_blocks(page.read_text("utf-8")))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", _without_code(page.read_text("utf-8"))):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: there is no {target}"
        assert not anchor or anchor in _anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_that_has_the_name_of_a_page_leads_to_it(page: Path) -> None:
    names = {each.stem for each in PAGES}
    for text, link in re.findall(r"\[([^]]+)\]\(([^)#\s]+)", page.read_text("utf-8")):
        name = re.sub(r"^(an?|the) ", "", text.lower().replace("`", "")).replace(" ", "-")
        assert name not in names or Path(link).stem.startswith(name), f"[{text}]({link})"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_program_or_folder_that_a_page_names_is_there(page: Path) -> None:
    named = re.compile(
        r"((?:deployctl|tests|bench|scripts)/[a-z0-9_/.-]*|[a-z0-9_/.-]+\.(?:py|sh))(?:::\w+)?"
    )
    for word in _words(_without_blocks(page.read_text("utf-8"))):
        if found := named.fullmatch(word):
            path = found[1].rstrip("/")
            tops = (ROOT / top for top in ("deployctl", "tests", "bench"))
            assert (ROOT / path).exists() or any(any(top.rglob(path)) for top in tops), word


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text("utf-8")
    linked = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", index)}

    assert {page for page in PAGES if page.parent != ROOT} - linked == {ROOT / "docs/README.md"}


def test_the_action_is_shown_pinned_by_a_commit() -> None:
    """A tag can be moved to other code, and that code gets the key."""
    pages = [*PAGES, *(ROOT / "docs/examples").glob("*.yml")]
    uses = [
        use for page in pages for use in re.findall(r"uses: *(\S+@\S+)", page.read_text("utf-8"))
    ]
    assert "OWNER/deployctl" in {use.partition("@")[0] for use in uses}
    assert [use for use in uses if not re.fullmatch(r"[^@]+@[0-9a-f]{40}", use)] == []


# ---------------------------------------------------------------- exit statuses and codes


@pytest.mark.parametrize(
    "table",
    [
        EXIT_CODES.partition("## Codes")[0],
        _section(README, "## Exit statuses"),
        _section(BAD_MOMENT, "## What the exit status means for you"),
    ],
    ids=["exit-codes", "README", "at-a-bad-moment"],
)
def test_every_exit_status_is_documented(table: str) -> None:
    assert {int(cells[0]) for cells in _rows(table)} == STATUSES


def test_the_error_codes_are_those_of_the_source() -> None:
    documented: set[str] = set()
    for cells in _rows(_section(EXIT_CODES, "## Codes by status")):
        documented |= _words(" ".join(cells[:-1]))

    assert documented == set(_codes_of_source())


def test_the_reasons_are_those_of_the_source() -> None:
    rows = _rows(_section(EXIT_CODES, "## Why a run failed"))

    assert set().union(*(_words(cells[0]) for cells in rows)) == set(REASONS)


def _codes_of_source() -> Iterator[str]:
    classes = error_classes()
    for path in SOURCES:
        tree = ast.parse(path.read_text("utf-8"))
        constants = _constants(tree)
        for call in error_calls(tree, classes):
            if call.args:
                yield from _texts(call.args[0], constants)


def _constants(tree: ast.Module) -> dict[str, str]:
    return {
        target.id: statement.value.value
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name) and isinstance(statement.value.value, str)
    }


def _texts(node: ast.expr, constants: dict[str, str]) -> list[str]:
    """The texts that an error's first argument can be."""
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body, constants), *_texts(node.orelse, constants)]
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.Name):
        return [constants[node.id]]
    made = {
        "'path-' + state": [f"path-{state}" for state in _PATH_STATES],
        "f'unknown-{kind}'": ["unknown-host", "unknown-service"],
    }
    said = ast.unparse(node)
    return [] if said.endswith(".code") else made[said]  # .code: passed on from another error


# ---------------------------------------------------------------- commands and options


PROGRAM = cast(TyperGroup, get_command(app))


def _plain(text: str) -> str:
    """A text of --help, or of a cell of a page, without what only one of them has."""
    text = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text).replace("`", "")
    return text[:1].lower() + text[1:].removesuffix(".")


def _usage(command: str) -> str:
    context = PROGRAM.commands[command].make_context(command, [], resilient_parsing=True)
    pieces = PROGRAM.commands[command].collect_usage_pieces(context)
    return " ".join(["deployctl", command, *(p for p in pieces if p != "[OPTIONS]")])


def _summaries(text: str) -> list[tuple[str, str]]:
    """Each command of a table as one types it, and what it does."""
    return [(usage.strip("`"), _plain(does)) for usage, does in _rows(text)]


HELPED = [(_usage(n), _plain(c.get_short_help_str())) for n, c in PROGRAM.commands.items()]


def _helped(command: str) -> dict[str, str]:
    """The arguments and options of a command, as one types them, and their descriptions."""
    return {
        _typed(parameter): _plain(parameter.help or "")
        for parameter in PROGRAM.commands[command].params
        if isinstance(parameter, TyperArgument | TyperOption)
    }


def _typed(parameter: TyperArgument | TyperOption) -> str:
    flags = sorted(parameter.opts, key=len) if isinstance(parameter, TyperOption) else []
    return f"{', '.join(flags)} {parameter.metavar or ''}".strip()


def _documented(command: str) -> dict[str, str]:
    """The same, as the reference has it: in the section of the command, or for several at once."""
    own = list(_rows(_section(COMMANDS, f"## {command}")))
    shared = _rows(_section(COMMANDS, "## Options of several commands"))
    own += [[flags, meaning] for flags, of, meaning in shared if command in _named(of)]
    return {typed.replace("`", ""): _plain(meaning) for typed, meaning in own}


def _named(cell: str) -> set[str]:
    """The commands of a cell like "all but `lint`"."""
    return set(PROGRAM.commands) - _words(cell) if cell.startswith("all") else _words(cell)


def test_the_reference_says_of_each_command_what_its_help_says() -> None:
    assert _summaries(COMMANDS.partition("\n## ")[0]) == HELPED


def test_the_readme_says_of_the_everyday_commands_what_their_help_says() -> None:
    everyday = _summaries(_section(README, "## Every day"))

    assert everyday
    assert set(everyday) <= set(HELPED)


@pytest.mark.parametrize("command", PROGRAM.commands)
def test_the_reference_says_of_each_argument_and_option_what_the_help_says(command: str) -> None:
    assert _documented(command) == _helped(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_command_that_a_page_shows_can_be_typed(page: Path) -> None:
    text = page.read_text("utf-8")
    lines = "\n".join(_blocks(text, "(?:sh|console)"))
    commands = re.findall(r"(?m)^(?:\$ )?deployctl (?!--)(.+)$", lines)
    if text == BAD_MOMENT:
        commands += re.findall(r"`deployctl (.+?)`", text)
    for command in commands:
        name, *arguments = shlex.split(command.partition(" | ")[0], comments=True)
        PROGRAM.commands[name].make_context(name, arguments)


# ---------------------------------------------------------------- examples


def test_the_readmes_inventory_can_be_used() -> None:
    text = _block(README, "toml").replace("SHA256:…", f"SHA256:{'A' * 43}")

    inventory = parse(text, {}, path="inventory.toml")

    assert inventory.host("vps").address == "203.0.113.7"


def test_the_example_of_a_history_line_is_one() -> None:
    example = _block(HISTORY_FORMAT, "json")

    read = record.parse(example.encode())

    assert [entry.event for entry in read.entries] == [record.SUCCEEDED]
    assert not read.problems


def test_the_fields_of_a_history_line_are_documented() -> None:
    rows = _rows(_section(HISTORY_FORMAT, "## Fields"))

    documented = [cells[0].strip("`") for cells in rows]

    assert set(documented) == set(json.loads(_block(HISTORY_FORMAT, "json")))


def test_the_events_of_a_history_are_documented() -> None:
    documented = {cells[0].strip("`") for cells in _rows(_section(HISTORY_FORMAT, "## Events"))}

    assert documented == {record.STARTED, *record.OUTCOMES}


def test_the_way_to_a_working_chain_can_be_typed_in_its_order(tmp_path: Path) -> None:
    """With programs that only look whether they get the key, which is deleted at the end."""
    pages = (ROOT / "docs/github-actions.md").read_text("utf-8")
    way = _blocks(_section(pages, "## From no deploy to a working chain, in ten minutes"), "sh")
    (tmp_path / "deploy_key").write_text("the key")
    for name, sees_the_key in (
        ("gh", 'case "$*" in *DEPLOY_SSH_KEY*) [ "$(cat)" = "the key" ] ;; esac'),
        ("deployctl", 'case "$1" in lint) ;; *) [ "$DEPLOY_SSH_KEY" = "the key" ] ;; esac'),
    ):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nset -e\n{sees_the_key}\necho "{name} $1" >>seen\n')
        program.chmod(0o755)

    subprocess.run(
        ["sh", "-eu", "-c", "\n".join(way)],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        check=True,
    )

    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen == [*["gh secret"] * 3, "deployctl lint", "deployctl check", "deployctl deploy"]
    assert not (tmp_path / "deploy_key").exists()


def test_the_tree_is_what_is_there() -> None:
    """Each module and each package, with the first line of its docstring."""
    there = "\n".join(_listing(ROOT / "deployctl"))

    assert _block(_section(CONTRIBUTING, "## The tree"), "text").rstrip() == there, (
        f"CONTRIBUTING.md has another tree than this:\n{there}"
    )


def _listing(package: Path, depth: int = 0) -> Iterator[str]:
    """The tree down to the modules of its packages; what is below stands for itself as a folder."""
    yield _listed(f"{package.name}/", package / "__init__.py", depth)
    if depth < 2:
        for path in sorted(package.iterdir()):
            if (path / "__init__.py").exists():
                yield from _listing(path, depth + 1)
            elif path.suffix == ".py" and path.stem != "__init__":
                yield _listed(path.name, path, depth + 1)


def _listed(name: str, module: Path, depth: int) -> str:
    says = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return f"{'  ' * depth + name:<26}{says.partition(chr(10))[0]}".rstrip()


def test_the_tests_that_show_a_promise_are_there_and_not_left_to_make_test_all() -> None:
    """A promise whose test was renamed, removed or put off has lost it."""
    named = re.findall(r"`(tests/[a-z0-9_/]+/test_\w+\.py)(?:::(\w+))?`", CONTRIBUTING)
    assert len(named) > 25
    for path, test in named:
        tests = _tests(ROOT / path)
        assert tests, f"no tests in {path}"
        assert not test or test in tests, f"{path} has no {test}"
        assert test not in {name for name, put_off in tests.items() if put_off}


def _tests(path: Path) -> dict[str, bool]:
    """The tests of a file by name, and whether make test leaves out all their cases."""
    return {
        node.name: any(ast.unparse(mark) == "pytest.mark.thorough" for mark in node.decorator_list)
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
