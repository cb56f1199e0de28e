"""What a step does, as far as its text tells: deploy, scan, push, test, reach for a host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployctl.lint.document import Scalar
from deployctl.lint.findings import Place
from deployctl.lint.shell import Command, commands
from deployctl.lint.workflow import Job, Step


@dataclass(frozen=True)
class Written:
    """A value as it is written into a workflow.

    Attributes:
        text: with `${{ }}`, and in a script with `$x`.
        in_shell: whether a shell replaces variables in it.
    """

    text: str
    place: Place
    in_shell: bool = False


@dataclass(frozen=True)
class Deploy:
    """One call of deployctl that changes a host.

    Attributes:
        tag: None: none is given.
        digest: None: none is given.
    """

    service: Written
    tag: Written | None
    digest: Written | None


@dataclass(frozen=True)
class Scan:
    """A scan of an image.

    Attributes:
        toothless: why a vulnerable image does not fail it; empty: it does.
        place: of what makes it so.
    """

    place: Place
    toothless: str = ""


def script_of(step: Step) -> tuple[Command, ...]:
    """Return the commands of a step; none: it uses an action."""
    return commands(step.run.value) if step.run else ()


# ---------------------------------------------------------------- deployctl

_VALUE_OPTIONS = frozenset(
    {"--digest", "--expect-current", "--host", "--wait", "--inventory", "-i"}
)
_LAUNCHERS = frozenset({"python", "python3", "uv", "uvx", "pipx", "poetry", "pdm", "hatch", "rye"})


def is_deployctl_action(step: Step) -> bool:
    """Whether a step uses deployctl's action."""
    return step.action.rpartition("/")[2] == "deployctl"


def deploys(step: Step) -> Iterator[Deploy]:
    """Return what a step deploys with deployctl; a dry run deploys nothing."""
    if is_deployctl_action(step):
        command = step.inputs.get("command")
        if command is None or command.value.strip() in {"", "deploy"} or "${{" in command.value:
            yield _deploy_of_action(step)
    for command_ in script_of(step):
        arguments = _arguments(command_)
        if arguments[:1] == ["deploy"] and "--dry-run" not in arguments:
            yield _deploy_of_command(step, command_, arguments[1:])


def uses_deployctl(step: Step) -> bool:
    """Whether a step calls deployctl at all."""
    return is_deployctl_action(step) or any(_arguments(each) for each in script_of(step))


def _deploy_of_action(step: Step) -> Deploy:
    def given(name: str) -> Written | None:
        scalar = step.inputs.get(name)
        empty = scalar is None or scalar.is_null or not scalar.value.strip()
        return None if scalar is None or empty else Written(scalar.value.strip(), scalar.place)

    return Deploy(given("service") or Written("", step.place), given("tag"), given("digest"))


def _deploy_of_command(step: Step, command: Command, arguments: list[str]) -> Deploy:
    place = place_in(step, command)
    positional: list[str] = []
    options: dict[str, str] = {}
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            positional.append(word)
        elif name in _VALUE_OPTIONS:
            options[name] = value if equals else (waiting.pop(0) if waiting else "")
    texts = [Written(text, place, in_shell=True) for text in positional]
    digest = options.get("--digest")
    return Deploy(
        service=texts[0] if texts else Written("", place),
        tag=texts[1] if len(texts) > 1 else None,
        digest=None if digest is None else Written(digest, place, in_shell=True),
    )


def _arguments(command: Command) -> list[str]:
    """Return what deployctl is called with; none: another program is."""
    for index, word in enumerate(command.words):
        if word.rpartition("/")[2] == "deployctl":
            launched = index == 0 or command.program in _LAUNCHERS
            return list(command.words[index + 1 :]) if launched else []
    return []


def place_in(step: Step, command: Command) -> Place:
    """Return where a command of a step is written."""
    return step.run.place_of(command.offset) if step.run else step.place


# ---------------------------------------------------------------- scans


def scans(step: Step) -> Iterator[Scan]:
    """Return the image scans of a step, each with why it could not fail."""
    ignored = _never_fails(step.continue_on_error)
    for scan in (*_scans_of_action(step), *_scans_of_script(step)):
        if ignored and step.continue_on_error:
            yield Scan(step.continue_on_error.place, "continue-on-error lets its failure pass")
        else:
            yield scan


def _never_fails(continue_on_error: Scalar | None) -> bool:
    return continue_on_error is not None and continue_on_error.value.strip().lower() != "false"


def _scans_of_action(step: Step) -> Iterator[Scan]:
    match step.action:
        case "aquasecurity/trivy-action":
            kind = step.inputs.get("scan-type")
            if kind is None or kind.value.strip() in {"image", "sbom"} or "${{" in kind.value:
                yield _with_exit_code(step, "exit-code", {"", "0"})
        case "docker/scout-action":
            yield _with_exit_code(step, "exit-code", {"", "0", "false"})
        case "anchore/scan-action":
            written = step.inputs.get("fail-build")
            off = written is not None and written.value.strip().lower() == "false"
            yield (
                Scan(written.place, "fail-build is false") if off and written else Scan(step.place)
            )
        case "snyk/actions/docker":
            yield Scan(step.place)


def _with_exit_code(step: Step, name: str, none: set[str]) -> Scan:
    written = step.inputs.get(name)
    if "trivy-config" in step.inputs:
        return Scan(step.place)  # a file that may say it
    if written is None:
        return Scan(step.place, f"it has no {name}, so it succeeds whatever it finds")
    if written.value.strip().lower() in none:
        return Scan(written.place, f"with this {name} it succeeds whatever it finds")
    return Scan(step.place)


def _scans_of_script(step: Step) -> Iterator[Scan]:
    all_commands = script_of(step)
    for command in all_commands:
        words = _scanner(command)
        if words:
            place = place_in(step, command)
            reason = _without_exit_code(words, step, command)
            yield Scan(place, reason or failure_ignored(command, all_commands, step.shell))


def _scanner(command: Command) -> list[str]:
    """Return a scanner's name and its arguments, also where docker runs it."""
    words = list(command.words)
    if command.program in {"docker", "podman"} and "run" in words[:2]:
        images = [
            i for i, word in enumerate(words) if re.search(r"(^|/)(trivy|grype)(:|@|$)", word)
        ]
        name = "grype" if images and "grype" in words[images[0]] else "trivy"
        words = [name, *words[images[0] + 1 :]] if images else []
    match [words[0].rpartition("/")[2] if words else "", *words[1:]]:
        case ["trivy", *rest] if "image" in rest or "sbom" in rest:
            return ["trivy", *rest]
        case ["grype", *rest] if any(not w.startswith(("-", "dir:")) for w in rest):
            return ["grype", *rest]
        case ["docker", "scout", *rest] if "cves" in rest:
            return ["scout", *rest]
        case ["snyk", "container", "test", *rest]:
            return ["snyk", *rest]
        case _:
            return []


def _without_exit_code(words: list[str], step: Step, command: Command) -> str:
    name, *rest = words
    text = " ".join(rest)
    if name == "trivy" and not re.search(r"(^| )(--config|-c)[= ]", text):
        variable = step.environment.get("trivy_exit_code")
        in_front = command.assignments.get("TRIVY_EXIT_CODE") or (variable and variable.value)
        found = re.search(r"--exit-code[= ](\S+)", text)
        if (found[1] if found else in_front or "0") == "0":
            return "without --exit-code 1 it succeeds whatever it finds"
    if name == "grype" and not re.search(r"(^| )(--fail-on|-f)[= ]", text):
        return "without --fail-on it succeeds whatever it finds"
    if name == "scout" and not re.search(r"(^| )(--exit-code|-e)( |$)", text):
        return "without --exit-code it succeeds whatever it finds"
    return ""


def failure_ignored(command: Command, script: tuple[Command, ...], shell: str) -> str:
    """Say why a command's failure does not end its step; empty: it does."""
    fails = {"exit", "false", "return"}
    if command.following == "||" and not _fails(command.fallback, fails):
        return f"`|| {command.fallback[0] if command.fallback else ''}` lets its failure pass"
    if command.tested:
        return "as a condition of the script, its failure ends nothing"
    if command.following in {"&", "|&"} or (
        command.following == "|" and not _pipefail(script, shell)
    ):
        return "its failure is lost in a pipe: set -o pipefail, or `shell: bash`"
    before = script[: script.index(command)]
    if any(each.program == "set" and "+e" in each.words for each in before):
        return "`set +e` lets its failure pass"
    return ""


def _fails(words: tuple[str, ...], fails: set[str]) -> bool:
    return bool(words) and words[0] in fails and words[1:2] != ("0",)


def _pipefail(script: tuple[Command, ...], shell: str) -> bool:
    # Without `shell:`, the runner calls `bash -e`; with `shell: bash`, `bash -eo pipefail`.
    # https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
    explicit = any(each.program == "set" and "pipefail" in each.words for each in script)
    return shell.strip() == "bash" or explicit


# ---------------------------------------------------------------- pushes and tests


def pushes(step: Step) -> Iterator[Place]:
    """Return where a step pushes an image."""
    if step.action in {"docker/build-push-action", "docker/bake-action"}:
        push = step.inputs.get("push")
        outputs = step.inputs.get("outputs")
        asked = push is not None and push.value.strip().lower() not in {"", "false"}
        if asked or (outputs and re.search(r"type=registry|push=true", outputs.value)):
            yield step.place
    for command in script_of(step):
        if _pushes(command):
            yield place_in(step, command)


def _pushes(command: Command) -> bool:
    words = command.words
    match (command.program, *words[1:]):
        case (("docker" | "podman" | "buildah" | "nerdctl"), *rest):
            if rest[:1] in (["build"], ["buildx"]):
                return "--push" in rest or any("type=registry" in word for word in rest)
            subcommands = (["push"], ["image", "push"], ["compose", "push"])
            return rest[:1] == subcommands[0] or rest[:2] in subcommands
        case ("docker-compose", *rest):
            return "push" in rest
        case ("crane", "push" | "copy", *_) | ("skopeo", "copy", *_) | ("oras", "push", *_):
            return True
        case _:
            return False


_TEST_NAMES = frozenset(
    {"test", "tests", "testing", "unittest", "unittests", "spec", "specs", "e2e"}
)
_TEST_PROGRAMS = frozenset(
    {"pytest", "tox", "nox", "phpunit", "rspec", "ctest", "jest", "vitest", "mocha", "gotestsum"}
)
_TASK_RUNNERS = frozenset(
    {"make", "npm", "yarn", "pnpm", "bun", "go", "cargo", "mvn", "mvnw", "gradle", "gradlew"}
    | {"dotnet", "mix", "deno", "swift", "bazel", "just", "task", "rake", "composer", "sbt", "lein"}
    | {"python", "python3", "uv", "uvx", "poetry", "pdm", "hatch", "bundle", "npx", "nx", "turbo"}
    | {"pipx", "docker", "docker-compose", "earthly", "dagger", "ninja", "cmake", "meson", "rye"}
)
_TASKS = frozenset({"test", "tests", "check", "verify", "unittest", "nextest", "spec", "t"})


def is_test(job: Job) -> bool:
    """Whether a job runs tests: its name says so, or one of its commands does."""
    named = re.split(r"[^a-z0-9]+", f"{job.id} {job.name} {job.called_file}".lower())
    return bool(_TEST_NAMES & set(named)) or any(map(is_test_step, job.steps))


def is_test_step(step: Step) -> bool:
    """Whether one of a step's commands runs tests."""
    return any(map(_tests, script_of(step)))


def tests_ignored(step: Step) -> tuple[Place, str] | None:
    """Return where, and why, the failure of a step's tests has no effect; None: it has."""
    always = step.continue_on_error
    if always is not None and always.value.strip().lower() == "true":
        return always.place, "continue-on-error lets their failure pass"
    script = script_of(step)
    reasons = [
        (place_in(step, command), failure_ignored(command, script, step.shell))
        for command in script
        if _tests(command)
    ]
    return reasons[0] if reasons and all(reason for _, reason in reasons) else None


def _tests(command: Command) -> bool:
    if command.program in _TEST_PROGRAMS:
        return True
    if command.program not in _TASK_RUNNERS:
        return False
    named = {word.rpartition("/")[2] for word in command.words[1:]}
    if command.program.startswith("docker"):  # app:test and org/test are images
        return bool((_TASKS | _TEST_PROGRAMS) & set(command.words[1:]))
    pieces = {piece for word in named for piece in word.split(":")}
    return bool((_TASKS | _TEST_PROGRAMS) & pieces)


# ---------------------------------------------------------------- other ways to a host

_SSH_ACTIONS = frozenset(
    {
        "appleboy/ssh-action",
        "appleboy/scp-action",
        "burnett01/rsync-deployments",
        "cross-the-world/scp-pipeline",
        "cross-the-world/ssh-pipeline",
        "cross-the-world/ssh-scp-ssh-pipelines",
        "d3rhase/ssh-command-action",
        "easingthemes/ssh-deploy",
        "fifsky/ssh-action",
        "garygrossgarten/github-action-scp",
        "garygrossgarten/github-action-ssh",
        "humbletim/ssh-scp",
        "lorenanda/scp-action",
        "nogsantos/ssh-scp-deploy",
        "tiyee/scp-action",
    }
)
_FORGES = re.compile(r"(^|@)(ssh\.)?(github\.com|gitlab\.com|bitbucket\.org|codeberg\.org)(:|$)")
_REMOTE = re.compile(r"^[^/:=]*[^/:=\\]:(?!//)")


def other_ways(step: Step, *, on_own_machine: bool) -> Iterator[tuple[Place, str]]:
    """Return where a step reaches for a host without deployctl, and with what.

    Args:
        step: of any job.
        on_own_machine: whether its runner is self-hosted, and thus may be the host.
    """
    if step.action in _SSH_ACTIONS:
        yield step.place, step.action
    for command in script_of(step):
        what = _reaches(command, step, on_own_machine=on_own_machine)
        if what:
            yield place_in(step, command), what


def _reaches(command: Command, step: Step, *, on_own_machine: bool) -> str:
    words = list(command.words)
    if command.program == "sshpass":
        words = next(
            (words[i:] for i, w in enumerate(words) if w in {"ssh", "scp", "rsync"}), words
        )
    name = words[0].rpartition("/")[2] if words else ""
    if name in {"ssh", "scp", "sftp", "rsync", "autossh", "mosh"}:
        return name if _is_remote(name, words[1:]) else ""
    if name in {"ansible", "ansible-playbook", "pyinfra", "kamal", "cap"}:
        return name
    if name in {"docker", "docker-compose"}:
        return _docker_elsewhere(command, step, on_own_machine=on_own_machine)
    return ""


def _is_remote(program: str, arguments: list[str]) -> bool:
    if any(_FORGES.search(word) for word in arguments):
        return False
    if program in {"ssh", "sftp", "autossh", "mosh"}:
        return not arguments or arguments[0] not in {"-V", "-Q", "-G"}
    return any(_REMOTE.match(word) or "@" in word for word in arguments if word[:1] != "-")


def _docker_elsewhere(command: Command, step: Step, *, on_own_machine: bool) -> str:
    """A docker command for another engine, or a deploy by hand on the runner's own."""
    rest = list(command.words[1:])
    host = step.environment.get("docker_host")
    there = command.assignments.get("DOCKER_HOST") or (host.value if host else "")
    options = " ".join(rest)
    elsewhere = "ssh://" in there or re.search(r"(^| )(-H|--host|-c|--context)[= ]", options)
    starts = "up" in rest or "pull" in rest or "run" in rest or "deploy" in rest
    if starts and elsewhere:
        return "docker on another host"
    tagged = "IMAGE_TAG" in command.assignments or "image_tag" in step.environment
    by_hand = on_own_machine and tagged and ("up" in rest or "pull" in rest)
    return "docker compose on the runner itself" if by_hand else ""


# ---------------------------------------------------------------- the other model

_GITOPS_ACTIONS = frozenset({"fluxcd/flux2/action", "fjogeleit/yaml-update-action"})


def gitops(step: Step) -> Place | None:
    """Return where a step writes a tag for Flux or Argo to apply; None: nowhere."""
    if step.action == "fjogeleit/yaml-update-action":
        return step.place
    edited: Command | None = None
    for command in script_of(step):
        if _edits_manifest(command):
            edited = edited or command
        direct = command.program == "flux" and "reconcile" in command.words
        if direct or (command.program == "argocd" and "set" in command.words):
            return place_in(step, command)
    return place_in(step, edited) if edited else None


def _edits_manifest(command: Command) -> bool:
    match (command.program, *command.words[1:]):
        case ("kustomize", "edit", "set", "image", *_):
            return True
        case (("yq" | "sed"), *rest):
            in_place = any(w.startswith("-i") or w in {"--inplace", "--in-place"} for w in rest)
            text = " ".join(rest)
            return in_place and bool(re.search(r"image|tag", text, re.IGNORECASE))
        case _:
            return False
