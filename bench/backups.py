"""A backup of a past of a million invoices, and its way back into an empty database."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from bench import inside, past, stack
from bench.back_office import INVOICES
from bench.figures import Figures
from bench.rounds import Bench
from bench.stack import CannotMeasure, Stack
from bench.table import Row, Target
from paytrust.localstack import embedded
from paytrust.localstack.embedded import PROJECT

RESTORED_IN_SECONDS = 600.0
RESTORED = "bench_restored"


def run(bench: Bench) -> list[Row]:
    """Measure both ways on the back office's large stack; the first run writes its past."""
    with (
        stack.running(bench.stack.state.with_name(f"bench-back-office-{INVOICES}")) as large,
        tempfile.TemporaryDirectory(prefix="backups-") as folder,
    ):
        past.write(large.database_url, invoices=INVOICES)
        private, public = _keys(Path(folder))
        file = Path(folder) / "all.backup"
        programs = embedded.programs(large.state)
        began = time.monotonic()
        _manage(large, "backup", file, "--public-key", public, "--programs", programs)
        made_in = time.monotonic() - began
        restored_in = _restored_in(large, file, private, programs)
        megabytes = file.stat().st_size / (1 << 20)
    nothing = Figures(0, None, None, None, {})
    return [
        Row(f"a backup of {INVOICES} invoices", nothing, Target("MB", 2_000, megabytes)),
        Row("it is made", nothing, Target("s", RESTORED_IN_SECONDS, made_in)),
        Row("it is restored", nothing, Target("s", RESTORED_IN_SECONDS, restored_in)),
    ]


def _restored_in(large: Stack, file: Path, private: Path, programs: Path) -> float:
    url = urlsplit(large.database_url)._replace(path=f"/{RESTORED}").geturl()
    with psycopg.connect(large.database_url, autocommit=True) as own:
        own.execute(f"DROP DATABASE IF EXISTS {RESTORED} WITH (FORCE)")
        own.execute(f"CREATE DATABASE {RESTORED}")
        began = time.monotonic()
        _manage(large, "restore", file, "--private-key", private, "--programs", programs, into=url)
        seconds = time.monotonic() - began
        with psycopg.connect(url) as there:
            count = "SELECT count(*) FROM invoices_invoice"
            if there.execute(count).fetchone() != own.execute(count).fetchone():
                raise CannotMeasure("The restored database has another number of invoices.")
        own.execute(f"DROP DATABASE {RESTORED} WITH (FORCE)")
    return seconds


def _manage(large: Stack, *arguments: object, into: str = "") -> None:
    ended = subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=PROJECT,
        env=inside.environment(large) | {"RESTORE_URL": into},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise CannotMeasure(ended.stderr.strip())


def _keys(folder: Path) -> tuple[Path, Path]:
    key = X25519PrivateKey.generate()
    private, public = folder / "private.pem", folder / "public.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public
