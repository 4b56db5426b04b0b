"""What a gateway was found to do, compared with what docs/gateway-facts.md says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

LONGEST_SEEN = 60


class Verdict(StrEnum):
    CONFIRMED = "confirmed"
    DIFFERS = "differs"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact, where it stands, and what the gateway did."""

    source: str
    fact: str
    verdict: Verdict
    seen: str


@dataclass(slots=True)
class Findings:
    """Collects what is found, in the order in which it was tried."""

    rows: list[Finding] = field(default_factory=list)

    def check(self, source: str, fact: str, found: object, *, seen: object) -> bool:
        """Note whether a fact was found true, and what was seen; return it."""
        verdict = Verdict.CONFIRMED if found else Verdict.DIFFERS
        self.rows.append(Finding(source, fact, verdict, str(seen)))
        return bool(found)

    def not_tried(self, source: str, fact: str, why: str) -> None:
        self.rows.append(Finding(source, fact, Verdict.NOT_TRIED, why))

    def count(self, verdict: Verdict) -> int:
        return sum(row.verdict == verdict for row in self.rows)


def table_of(rows: Sequence[Finding]) -> str:
    """Return the findings as a table for a terminal."""
    cells = [("fact", "where", "verdict", "seen")]
    cells += [(row.fact, row.source, row.verdict.value, _short(row.seen)) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST_SEEN else f"{plain[: LONGEST_SEEN - 3]}..."
