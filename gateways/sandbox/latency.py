"""Log-normal answer times, for benchmarks."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from gateways.sandbox.identifiers import Identifiers

Z_99 = 2.3263478740408408  # the 99th percentile of the standard normal distribution


@dataclass(frozen=True, slots=True)
class Latency:
    """Median, 99th percentile and share of failing answers of one gateway; no delay if p50 is 0."""

    p50_ms: float = 0.0
    p99_ms: float = 0.0
    fault_rate: float = 0.0  # share of HTTP 503, with nothing done

    def delay_seconds(self, identifiers: Identifiers) -> float:
        if self.p50_ms <= 0:
            return 0.0
        spread = math.log(max(self.p99_ms, self.p50_ms) / self.p50_ms) / Z_99
        return self.p50_ms / 1000 * math.exp(spread * identifiers.gauss())

    def shown(self) -> dict[str, Any]:
        return asdict(self)
