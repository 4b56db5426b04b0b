"""What the Dockerfile would contain, started from an empty root: `make image-check`.

Without Docker: the files that the last stage of the Dockerfile copies and `.dockerignore` lets
through go to an empty folder, the guide is built into it, and the packages of the runtime's lock
file go to an environment of its own. From these alone, in production settings,
with nothing else in the environment and as a user without rights where we are root, the processes
of compose.yaml start and must work. Then the languages, static files, templates and migrations are
compared with the checkout's. The packages are listed in build/sbom.cdx.json.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import yaml

from paytrust.localstack import embedded
from paytrust.localstack.embedded import PROJECT
from paytrust.localstack.ports import free_port

SBOM: Final = PROJECT / "build" / "sbom.cdx.json"
CYCLONEDX: Final = PROJECT / "build" / "deploy-tools" / "bin" / "cyclonedx-py"
GUIDE_PYTHON: Final = PROJECT / "build" / "guide-tools" / "bin" / "python"
USER_ID: Final = 10001  # as in the Dockerfile
START_SECONDS: Final = 120
STOP_SECONDS: Final = 60
PUBLIC: Final = {"Host": "pay.example.com", "X-Forwarded-Proto": "https"}
# Run in the image and in the checkout; what they print must be the same.
CONTENTS: Final = """
import json, django
django.setup()
from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles import finders
from django.db.migrations.loader import MigrationLoader
from django.template.loader import get_template
from django.utils import translation
said = {}
for code, _ in settings.LANGUAGES:
    with translation.override(code):
        texts = ("Log in", "Invoices", "Amount", "Overdue")
        said[code] = [translation.gettext(text) for text in texts]
static = sorted(path for finder in finders.get_finders() for path, _ in finder.list(None))
loader = MigrationLoader(None)
templates = sorted(
    str(path.relative_to(folder))
    for folder in settings.TEMPLATES[0]["DIRS"]
    for path in folder.rglob("*.html")
)
for name in templates:
    get_template(name)
print(json.dumps({"languages": said, "static files": static, "templates": templates,
    "migrations": sorted(map(list, loader.disk_migrations))}))
"""


class ImageFailed(Exception):
    """The image would not work; the message says why."""


def patterns(text: str) -> list[tuple[bool, re.Pattern[str]]]:
    """Read a .dockerignore: whether each line lets through (`!`), and what it matches.

    The last line that matches a path or a folder above it decides, as in Docker.
    """
    found = []
    for line in text.splitlines():
        pattern = line.strip().rstrip("/")
        if not pattern or pattern.startswith("#"):
            continue
        lets_through = pattern.startswith("!")
        escaped = re.escape(pattern.removeprefix("!"))
        expression = (
            escaped.replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
        )
        found.append((lets_through, re.compile(f"{expression}(?:/.*)?")))
    return found


def files(project: Path = PROJECT) -> list[Path]:
    """Return what the last stage would copy from the project, as paths inside it."""
    rules = patterns((project / ".dockerignore").read_text())
    found = []
    for top in sorted(_copied(project)):
        start = project / top
        for path in [start] if start.is_file() else sorted(start.rglob("*")):
            inside = path.relative_to(project)
            matching = [lets for lets, rule in rules if rule.fullmatch(inside.as_posix())]
            if path.is_file() and (not matching or matching[-1]):
                found.append(inside)
    return found


def build(root: Path) -> None:
    """Fill `root` as the Dockerfile's last stage does."""
    code, packages = root / "srv" / "paytrust", root / "opt" / "venv"
    for path in files():
        (code / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / path, code / path)
    build_guide(code / "build" / "site" / "guide")
    python = os.environ.get("PYTHON", "python3")
    subprocess.run([python, "-m", "venv", "--without-pip", str(packages)], check=True)
    subprocess.run(
        [
            *(python, "-m", "pip", "--python", str(packages / "bin" / "python")),
            *("install", "--quiet", "--no-input", "--require-hashes", "--requirement"),
            str(code / "requirements-runtime.lock"),
        ],
        check=True,
    )
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222 | 0o444 | (0o111 if path.is_dir() else 0))


def build_guide(site: Path) -> None:
    """Build the guide for merchants, as the Dockerfile's stage for it does."""
    subprocess.run(
        [
            *(str(GUIDE_PYTHON), "-m", "mkdocs", "build", "--strict", "--quiet"),
            *("--config-file", "docs/guide/mkdocs.yml", "--site-dir", str(site)),
        ],
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=True,
    )


def environment(root: Path, servers: embedded.Servers, temporary: Path) -> dict[str, str]:
    """Return all that a process of the image knows."""
    secret = "only-for-this-check-0123456789-0123456789-"  # noqa: S105  # nosec B105  # of nothing
    names = ("SECRET_KEY", "ADMIN_API_KEY", "API_KEY_PEPPER", "CREDENTIAL_KEYS")
    return {
        "PATH": f"{root}/opt/venv/bin:{os.defpath}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(temporary),
        "HOME": "/nonexistent",
        "DJANGO_SETTINGS_MODULE": "paytrust.settings",
        "ENVIRONMENT": "production",
        "PUBLIC_BASE_URL": "https://pay.example.com",
        "ALLOWED_HOSTS": "pay.example.com",
        "TRUSTED_PROXIES": "1",
        "LIVENESS_FILE": str(temporary / "alive"),
        "DATABASE_URL": servers.application_url,
        "DATABASE_MERCHANT_URL": servers.merchant_url,
        "REDIS_URL": servers.redis_url,
        **{name: secret + name for name in names},
    }


class Image:
    """A filled root, and how its processes are started."""

    def __init__(self, root: Path, environment: Mapping[str, str], temporary: Path) -> None:
        self.root, self.environment, self.temporary = root, dict(environment), temporary
        self.code = root / "srv" / "paytrust"
        # Where our own interpreter is out of that user's reach, it must be ours.
        reachable = embedded._reachable(Path(sys.executable).resolve())  # noqa: SLF001  # one package
        self.user = USER_ID if os.geteuid() == 0 and reachable else None
        if self.user:
            os.chown(temporary, self.user, self.user)

    def command(self, words: Sequence[str]) -> list[str]:
        """Return a command of compose.yaml: its programs run as the image's modules."""
        python = str(self.root / "opt" / "venv" / "bin" / "python")
        return [python, *words[1:]] if words[0] == "python" else [python, "-m", *words]

    def run(self, *words: str, **more: str) -> str:
        """Run a command to its end; return what it printed.

        Raises:
            ImageFailed: it ended with an error.
        """
        done = subprocess.run(
            self.command(words),
            cwd=self.code,
            env=self.environment | more,
            user=self.user,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ImageFailed(f"{' '.join(words[:3])} failed:\n{done.stderr[-2000:]}")
        return done.stdout

    @contextmanager
    def running(self, name: str, words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Keep a process running; it must end by itself when it is asked to."""
        folder = self.temporary / name
        folder.mkdir()
        if self.user:
            os.chown(folder, self.user, self.user)
        log = self.temporary / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(words),
                cwd=self.code,
                env=self.environment | {"LIVENESS_FILE": str(folder / "alive")},
                user=self.user,
                stdout=output,
                stderr=output,
            )
        try:
            yield process
        except ImageFailed as failure:
            raise ImageFailed(f"{failure}; the log of {name}:\n{embedded.log_tail(log)}") from None
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def check() -> None:
    """Build, start, ask and compare.

    Raises:
        ImageFailed: something of the image is missing or does not work.
    """
    services = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"]
    with ExitStack() as held:
        # Not below TMPDIR's own folder: the user of the image must be able to pass through.
        root = Path(held.enter_context(_folder("paytrust-image-")))
        temporary = Path(held.enter_context(_folder("paytrust-image-tmp-")))
        _say("Installing what the Dockerfile installs into an empty root ...")
        build(root)
        servers = held.enter_context(embedded.temporary())
        image = Image(root, environment(root, servers, temporary), temporary)
        _say(
            f"{len(files())} files, as {'user 10001' if image.user else 'this user'}. Migrating ..."
        )
        image.run(*services["migrate"]["command"], DATABASE_OWNER_URL=servers.database_url)
        _compare(image)
        port = free_port()
        for name in ("worker", "deliveries", "beat"):
            words = [
                word.replace("/tmp/", f"{temporary}/")  # noqa: S108  # nosec B108  # compose's
                for word in services[name]["command"]
            ]
            process = held.enter_context(image.running(name, words))
            _wait(lambda name=name: (temporary / name / "alive").exists(), process, name)  # type: ignore[misc]
            _say(f"{name} works.")
        web = [*services["web"]["command"][:-1], f"127.0.0.1:{port}"]
        process = held.enter_context(image.running("web", web))
        _wait(lambda: _status(port, "/readyz") == HTTPStatus.OK, process, "web")
        for path in (
            "/admin/login/",
            "/docs",
            "/openapi.json",
            "/static/staff/staff.css",
            "/guide/",
        ):
            if (status := _status(port, path)) != HTTPStatus.OK:
                raise ImageFailed(f"GET {path} is answered {status}")
        _say("web serves pages, API and static files.")
    _say("The image holds what it needs.")


def write_sbom(python: Path) -> None:
    """Write which packages an environment holds, in CycloneDX's form."""
    SBOM.parent.mkdir(exist_ok=True)
    subprocess.run(
        [
            *(str(CYCLONEDX), "environment", str(python), "--output-reproducible"),
            *("--output-format", "JSON", "--output-file", str(SBOM)),
        ],
        check=True,
    )


def _compare(image: Image) -> None:
    inside = json.loads(image.run("python", "-c", CONTENTS).splitlines()[-1])
    outside = _contents_of_checkout(image.environment)
    for what, expected in outside.items():
        if inside[what] != expected:
            missing = [one for one in expected if one not in inside[what]]
            raise ImageFailed(f"The {what} differ from the checkout's; missing: {missing[:10]}")
        _say(f"{what}: {len(expected)}, as in the checkout.")
    if inside["languages"]["id"] == inside["languages"]["en"]:
        raise ImageFailed("The image speaks English only.")
    write_sbom(image.root / "opt" / "venv" / "bin" / "python")
    _say(
        f"{SBOM.relative_to(PROJECT)}: {len(json.loads(SBOM.read_text())['components'])} packages."
    )


def _contents_of_checkout(given: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", CONTENTS],
        cwd=PROJECT,
        env={**given, "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    contents: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return contents


def _copied(project: Path) -> set[str]:
    last_stage = (project / "Dockerfile").read_text().rsplit("\nFROM ", 1)[1]
    lines = re.findall(r"^COPY ((?!--from)\S.*) \S+$", last_stage, re.MULTILINE)
    return {name for line in lines for name in line.split()}


@contextmanager
def _folder(prefix: str) -> Iterator[str]:
    path = Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o755)
    try:
        yield str(path)
    finally:
        for folder in (path, *path.rglob("*")):
            if folder.is_dir() and not folder.is_symlink():
                folder.chmod(0o755)
        shutil.rmtree(path)


def _wait(holds: Callable[[], bool], process: subprocess.Popen[bytes], name: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if process.poll() is not None:
            raise ImageFailed(f"{name} ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise ImageFailed(f"{name} does not work after {START_SECONDS} s")
        time.sleep(0.2)


def _status(port: int, path: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=PUBLIC)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # nosec B310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Check the image; say why it would not work and return 1, or 0."""
    try:
        check()
    except (ImageFailed, embedded.ServerFailed) as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
