"""The ratios that a change may not make worse: `bench/baseline.json`, committed from a run."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from bench.table import Row
from paytrust.localstack.embedded import PROJECT

FILE: Final = PROJECT / "bench" / "baseline.json"
TOLERANCE: Final = 0.15  # a ratio moves by about that from run to run

Ratios = Mapping[str, Mapping[str, float]]  # by the row's name, then by what it is compared with


def ratios_of(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Return the ratios of rows that have some, as the baseline keeps them."""
    return {
        row.name: {name: round(ratio, 2) for name, ratio in row.ratios.items()}
        for row in rows
        if row.ratios
    }


def worse(rows: Sequence[Row], baseline: Ratios) -> Iterator[str]:
    """Yield, for people, each ratio that is above the baseline's by more than TOLERANCE."""
    for row in rows:
        for reference, ratio in row.ratios.items():
            known = baseline.get(row.name, {}).get(reference)
            if known is not None and ratio > known * (1 + TOLERANCE):
                yield f"{row.name}: {ratio:.2f} x {reference}, the baseline is {known:.2f}"


def read() -> Ratios:
    ratios: Ratios = json.loads(FILE.read_text())
    return ratios


def write(rows: Sequence[Row]) -> None:
    """Take over the ratios of a run; those that it did not measure stay."""
    FILE.write_text(json.dumps({**read(), **ratios_of(rows)}, indent=2) + "\n")
