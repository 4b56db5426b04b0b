"""How each generator makes a client, and how its types are checked and its journey driven."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.clients.tools import HERE, NODE, Failed, node_program, program, run

JOURNEYS: Final = HERE / "journeys"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCUMENT: Final = "openapi.json"
# Code that is not strict is checked as it is, and what uses it strictly except where it calls it.
STRICT: Final = {
    True: ("--strict",),
    False: ("--check-untyped-defs", "--disallow-untyped-defs", "--follow-imports=silent"),
}


@dataclass(frozen=True)
class Generator:
    """One generator, by the name of its package and of its journey."""

    name: str
    make: Callable[[Path], None]
    is_typescript: bool = False
    is_python: bool = False
    is_strict: bool = True  # the client's own code passes mypy --strict

    def prove(self, work: Path, environment: dict[str, str]) -> str:
        """Generate, check types, drive; return the journey's last line.

        Raises:
            Failed: a step did.
        """
        journey = self.name.removeprefix("@").replace("/openapi-ts", "")
        journey = journey.replace("-", "_").replace("/", "_")
        return (_drive_typescript if self.is_typescript else _drive_python)(
            self, work, journey, environment
        )


def _drive_python(
    generator: Generator, work: Path, journey: str, environment: dict[str, str]
) -> str:
    folder = _fresh(work / journey)
    shutil.copy(work / DOCUMENT, folder / DOCUMENT)
    shutil.copy(JOURNEYS / f"{journey}.py", folder / "journey.py")
    generator.make(folder)
    run([program("mypy"), "--config-file=", *STRICT[generator.is_strict], "journey.py"], folder)
    return run([program("python"), "journey.py"], folder, environment).strip()


def _drive_typescript(
    generator: Generator, work: Path, journey: str, environment: dict[str, str]
) -> str:
    folder = _fresh(work / journey)
    shutil.copy(work / DOCUMENT, folder / DOCUMENT)
    for name in ("shared.ts", f"{journey}.ts"):
        shutil.copy(JOURNEYS / name, folder / name)
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(HERE / name, folder / name)
    (folder / "node_modules").symlink_to(NODE / "node_modules")
    generator.make(folder)
    run([node_program("tsc"), "--project", "."], folder)
    return run(["node", f"out/{journey}.js"], folder, environment).strip()


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _openapi_python_client(folder: Path) -> None:
    (folder / "config.yaml").write_text(
        "project_name_override: paytrust-client\n"
        "package_name_override: paytrust_client\n"
        "content_type_overrides:\n"  # this generator knows no other octets
        "  application/xml: application/octet-stream\n"
        "  application/pdf: application/octet-stream\n"
        f"  {XLSX}: application/octet-stream\n"
    )
    options = ("--config", "config.yaml", "--meta", "none", "--output-path", "paytrust_client")
    source = ("--path", DOCUMENT, "--fail-on-warning")
    run([program("openapi-python-client"), "generate", *source, *options], folder)


def _datamodel_code_generator(folder: Path) -> None:
    models = ("--output-model-type", "pydantic_v2.BaseModel", "--use-annotated")
    language = ("--target-python-version", "3.11", "--set-default-enum-member")
    source = ("--input", DOCUMENT, "--input-file-type", "openapi", "--formatters", "builtin")
    target = ("--output", "paytrust_models.py")
    run([program("datamodel-codegen"), *source, *target, *models, *language], folder)


def _openapi_generator(folder: Path) -> None:
    options = ("-g", "python", "-o", ".", "--package-name", "paytrust_client")
    run([program("openapi-generator-cli"), "generate", "-i", DOCUMENT, *options], folder)
    run([program("mypy"), "--config-file=", "paytrust_client"], folder)


def _openapi_typescript(folder: Path) -> None:
    target = "generated/openapi_typescript/schema.d.ts"
    run([node_program("openapi-typescript"), DOCUMENT, "-o", target], folder)


def _hey_api(folder: Path) -> None:
    (folder / "openapi-ts.config.mjs").write_text(
        f'export default {{ input: "./{DOCUMENT}",'
        ' output: { path: "./generated/hey_api", module: { extension: ".js" } } };\n'
    )
    run([node_program("openapi-ts"), "-f", "openapi-ts.config.mjs"], folder)


def _orval(folder: Path) -> None:
    (folder / "orval.config.cjs").write_text(
        f'module.exports = {{ paytrust: {{ input: {{ target: "./{DOCUMENT}" }}, output: {{'
        ' target: "./generated/orval/paytrust.ts", client: "fetch",'
        " baseUrl: { getBaseUrlFromSpecification: true } } } };\n"
    )
    run([node_program("orval"), "--config", "./orval.config.cjs"], folder)


GENERATORS: Final = (
    Generator("openapi-python-client", _openapi_python_client, is_python=True),
    Generator("datamodel-code-generator", _datamodel_code_generator, is_python=True),
    Generator("openapi-generator", _openapi_generator, is_strict=False),
    Generator("openapi-fetch", _openapi_typescript, is_typescript=True),
    Generator("@hey-api/openapi-ts", _hey_api, is_typescript=True),
    Generator("orval", _orval, is_typescript=True),
)


def lint(work: Path, documents: Sequence[str]) -> str:
    """Let redocly and spectral read the documents.

    Raises:
        Failed: one found an error or a warning.
    """
    ruleset = HERE / "spectral.yaml"
    run([node_program("spectral"), "lint", "--fail-severity=hint", "-r", ruleset, *documents], work)
    config = HERE / "redocly.yaml"
    said = run([node_program("redocly"), "lint", "--config", config, *documents], work)
    if "warning" in said.replace("Deprecation warning", "").lower():
        raise Failed(said)
    return "0 errors, 0 warnings"
