"""Writes the badge of branch coverage: `coverage report --format total | python -m tests.badge`."""

import sys
from typing import Final

GOOD, POOR = "#2e7d32", "#c62828"
LIMIT: Final = 92  # percent, as in pyproject.toml
BADGE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="116" height="20" role="img" aria-label="{title}">
<title>{title}</title>
<rect width="74" height="20" fill="#444"/><rect x="74" width="42" height="20" fill="{color}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="37" y="14">coverage</text><text x="95" y="14">{percent} %</text></g>
</svg>
"""


def badge(percent: int) -> str:
    """Return an SVG that says how much of the code is covered."""
    color = GOOD if percent >= LIMIT else POOR
    return BADGE.format(title=f"branch coverage {percent} %", percent=percent, color=color)


if __name__ == "__main__":
    sys.stdout.write(badge(int(sys.stdin.read())))
