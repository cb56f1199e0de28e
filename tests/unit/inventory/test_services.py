"""Services, by themselves."""

from __future__ import annotations

import pytest

from deployctl.inventory import GitopsService
from tests.unit.inventory.documents import document, mistake, mistakes, read, service


@pytest.mark.parametrize("stable", ["60s", "2m"])
def test_what_has_to_stay_up_longer_than_it_has_time_is_a_mistake(stable: str) -> None:
    (mistake,) = mistakes(document(service={"stable": stable, "health_timeout": "60s"}))
    assert "services.web.stable: must be shorter than health_timeout" in mistake


def test_a_gitops_service_needs_no_host_and_takes_no_compose_setting() -> None:
    inventory = read({"services": {"web": {"model": "gitops"}}})
    assert inventory.services["web"] == GitopsService("web")
    assert mistake({"services": {"web": {"model": "gitops", "directory": "/opt"}}}) == (
        'services.web.directory: unknown key (it belongs to model = "compose")'
    )


def test_another_model_is_refused() -> None:
    assert mistake(document(service={"model": "swarm"})) == (
        'services.web.model: "swarm" is no deploy model: write "compose" or "gitops"'
    )


@pytest.mark.parametrize("name", ["web", "a.b", "a_b", "a__b", "a-b", "a---b", "0", "a" * 128])
def test_a_service_may_have_any_name_that_an_image_can_have(name: str) -> None:
    assert read({"services": {name: {"model": "gitops"}}}).services[name].name == name


@pytest.mark.parametrize(
    "name", ["Web", "a..b", "a___b", "-a", "a-", "a/b", "", "ä", "a b", "a\n", "a" * 129]
)
def test_another_name_of_a_service_is_refused(name: str) -> None:
    found = mistake({"services": {name: {"model": "gitops"}}})
    assert found.startswith("services.")
    assert found.isprintable()


@pytest.mark.parametrize(
    "path", ["/opt/my infra", "/opt/it's", '/opt/"q"', "/opt/$(reboot)", "/opt/`x`", "/opt/größe;&"]
)
def test_paths_on_the_host_are_taken_literally(path: str) -> None:
    relative = path.removeprefix("/opt/") + ".yml"
    settings = service(directory=path, state_directory=path + "/s", compose_files=[relative])
    assert settings.directory == path
    assert settings.state_directory == path + "/s"
    assert settings.compose_files == (relative,)


@pytest.mark.parametrize("path", ["opt", "./opt", "~/opt", "", "/opt/../etc", "C:\\opt"])
def test_a_directory_is_an_absolute_path_without_detours(path: str) -> None:
    assert mistake(document(service={"directory": path})).startswith("services.web.directory: ")


def test_a_directory_is_kept_in_its_shortest_spelling() -> None:
    assert service(directory="//opt/./infra//").directory == "/opt/infra"


@pytest.mark.parametrize("path", ["compose.yml", "../shared/compose.yml", "/etc/compose.yml"])
def test_a_compose_file_may_be_anywhere_on_the_host(path: str) -> None:
    assert service(compose_files=[path]).compose_files == (path,)


@pytest.mark.parametrize(
    "path", ["", "-", "-f", "https://x/y.git", "oci://x/y", "git@x:y.git", "compose/"]
)
def test_what_is_no_file_on_the_host_is_no_compose_file(path: str) -> None:
    found = mistake(document(service={"compose_files": [path]}))
    assert found.startswith("services.web.compose_files[0]: ")


@pytest.mark.parametrize("name", ["1TAG", "", "MY-TAG", "A B", "TAG=", "PATH", "LD_PRELOAD"])
def test_the_tag_needs_a_variable_of_its_own(name: str) -> None:
    found = mistake(document(service={"tag_variable": name}))
    assert found.startswith("services.web.tag_variable: ")


@pytest.mark.parametrize(
    ("files", "directory"),
    [
        (("compose/a.yml", "b.yml"), "/opt/infra/compose"),
        (("a.yml",), "/opt/infra"),
        (("../a.yml",), "/opt"),
        (("/srv/x/a.yml",), "/srv/x"),
    ],
)
def test_the_projects_directory_is_that_of_its_first_file(
    files: tuple[str, ...], directory: str
) -> None:
    assert service(compose_files=list(files)).project_directory == directory
