"""What is quoted arrives unchanged, whatever it is: seen through every shell that is there."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployctl.compose import project as compose
from deployctl.ssh.command import Command

# Exactly the shells that hosts have as /bin/sh, or as a login shell.
SHELLS = {
    "sh": ("/bin/sh",),
    "dash": ("dash",),
    "bash": ("bash",),
    "busybox": ("busybox", "ash"),
}
PRESENT = {name: argv for name, argv in SHELLS.items() if shutil.which(argv[0])}

NASTY = (
    *("", " ", "'", '"', "\\", "\n", "\r\n", "\t", "$", "$(", "`", "!", "*", "?", "[a]", "~", "#"),
    *("$(touch pwned)", "`id`", "${IFS}", "; reboot", "&& reboot", "| sh", "> /etc/passwd", "<"),
    *("-n", "--", "-e \\n", "a=b", "%s", "\x01\x7f\x1b[2J", "é", "\u202e", "😀", "'\\''", "\\\n"),
    'in fra\'s $(touch pwned) `touch pwned` "q"',
    "x" * 10_000,
)
# A surrogate is no character: no encoding could carry it. NUL ends an argument.
characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
values = st.one_of(
    st.text(characters),
    st.sampled_from(NASTY),
    st.lists(st.sampled_from(NASTY), max_size=4).map("".join),
    st.text("'\"\\$`!*?[]{}()<>|&;#~=%-\n\r\t ax", max_size=30),
)
names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,10}", fullmatch=True).map("T_".__add__)

# Half as many again as usual: in the quick profile of make check, too.
several = settings(max_examples=settings().max_examples * 3 // 2)


def _run(shell: tuple[str, ...], line: str) -> bytes:
    done = subprocess.run(
        [*shell, "-c", line], capture_output=True, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    assert (done.returncode, done.stderr) == (0, b""), (line, done)
    return done.stdout


def _words(*words: str) -> bytes:
    return b"".join(word.encode() + b"\0" for word in words)


@pytest.fixture(params=list(PRESENT.values()), ids=list(PRESENT), scope="module")
def shell(request: pytest.FixtureRequest) -> tuple[str, ...]:
    found: tuple[str, ...] = request.param
    return found


@several
@given(words=st.lists(values, min_size=1, max_size=6))
def test_every_argument_is_literal(shell: tuple[str, ...], words: list[str]) -> None:
    command = Command(("printf", "%s\\0", *words))

    assert _run(shell, command.as_shell()) == _words(*words)


@several
@given(program=values, words=st.lists(values, max_size=3))
def test_a_script_gets_its_arguments_as_they_are(
    shell: tuple[str, ...], program: str, words: list[str]
) -> None:
    """As the host scripts are sent: a text for `sh -c`, its name, its arguments."""
    command = Command(("sh", "-c", 'printf "%s\\0" "$0" "$@"', program, *words))

    assert _run(shell, command.as_shell()) == _words(program, *words)


@several
@given(environment=st.dictionaries(names, values, max_size=4), word=values)
def test_every_variable_is_literal_and_only_the_program_sees_it(
    shell: tuple[str, ...], environment: dict[str, str], word: str
) -> None:
    script = 'for name; do eval "value=\\$$name"; printf "%s\\0" "$value"; done'
    command = Command(("sh", "-c", script, word, *environment), environment)
    leak = "".join(f' "${{{name}-unset}}"' for name in environment)

    said = _run(shell, f"{command.as_shell()}; printf '%s\\0' end{leak}")

    assert said == _words(*environment.values(), "end", *["unset"] * len(environment))


@several
@given(environment=st.dictionaries(names, values, max_size=3), words=st.lists(values, max_size=3))
def test_sudo_is_told_the_variables_literally_behind_its_own_options(
    shell: tuple[str, ...], environment: dict[str, str], words: list[str]
) -> None:
    script = 'for name; do eval "value=\\$$name"; printf "%s\\0" "$value"; done'
    command = Command(("sh", "-c", script, "name", *environment), environment).under_sudo()
    more = Command(("printf", "%s\\0", "words", *words)).under_sudo()

    assert command.argv[:2] == more.argv[:2] == ("sudo", "-n")
    # Without a variable left before it, so that sudo can not take it away.
    assert not command.environment
    assert _run(shell, Command(command.argv[2:]).as_shell()) == _words(*environment.values())
    assert _run(shell, Command(more.argv[2:]).as_shell()) == _words("words", *words)


@several
@given(word=values, inner=values)
def test_a_command_can_be_quoted_inside_another(
    shell: tuple[str, ...], word: str, inner: str
) -> None:
    """As through a jump host, or a login shell that starts the shell that was asked for."""
    innermost = Command(("printf", "%s\\0", word), {"T_INNER": inner})
    outer = Command(("sh", "-c", innermost.as_shell()))

    assert _run(shell, outer.as_shell()) == _words(word)


@several
@given(files=st.lists(values, min_size=1, max_size=3), service=values, tag=values)
def test_what_a_dry_run_shows_can_be_typed(
    shell: tuple[str, ...], files: list[str], service: str, tag: str
) -> None:
    command = compose.up(tuple(files), service, "IMAGE_TAG", tag)
    stand_in = 'docker() { printf "%s\\0" "$IMAGE_TAG" "$@"; }; '

    said = _run(shell, stand_in + command.as_shell())

    flags = [word for file in files for word in ("-f", file)]
    options = ["up", "-d", "--no-deps", "--no-build", "--pull", "never"]
    assert said == _words(tag, "compose", *flags, *options, service)


def test_a_secret_on_standard_input_is_in_no_command_line_and_survives_sudo() -> None:
    command = Command(("docker", "login"), stdin=b"correct-horse\n")

    assert command.under_sudo().stdin == b"correct-horse\n"
    for shown in (command.as_shell(), command.under_sudo().as_shell(), repr(command)):
        assert "correct-horse" not in shown
