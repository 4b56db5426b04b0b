"""Charts from the server, as SVG: no download, no script, and they can be printed."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 420, 96
GAP = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its height as a share, and the text that appears when the mouse is on it."""

    share: float  # 0 to 1
    title: str


def bars(bars_shown: Sequence[Bar], *, summary: str, tone: str) -> SafeString:
    """Draw bars side by side. `summary` is the text for people who cannot see them."""
    step = WIDTH / max(len(bars_shown), 1)
    drawn = format_html_join(
        "",
        '<g><title>{}</title><rect class="staff-bar-room" x="{}" y="0" width="{}" height="{}"/>'
        '<rect class="staff-bar staff-bar-{}" x="{}" y="{}" width="{}" height="{}" rx="2"/></g>',
        (
            (
                bar.title,
                f"{at * step:.1f}",
                f"{step:.1f}",
                HEIGHT,
                tone,
                f"{at * step + GAP / 2:.1f}",
                f"{HEIGHT - _height(bar):.1f}",
                f"{step - GAP:.1f}",
                f"{_height(bar):.1f}",
            )
            for at, bar in enumerate(bars_shown)
        ),
    )
    return format_html(
        '<svg class="staff-chart" viewBox="0 0 {} {}" role="img" aria-label="{}"'
        ' preserveAspectRatio="none">{}</svg>',
        WIDTH,
        HEIGHT,
        summary,
        drawn,
    )


def meter(share: float, *, summary: str, tone: str) -> SafeString:
    """Draw a line of which a part is filled."""
    return format_html(
        '<svg class="staff-meter" viewBox="0 0 100 4" role="img" aria-label="{}"'
        ' preserveAspectRatio="none"><rect class="staff-bar-room-filled" width="100" height="4"'
        ' rx="1"/><rect class="staff-bar staff-bar-{}" width="{}" height="4" rx="1"/></svg>',
        summary,
        tone,
        f"{100 * min(max(share, 0.0), 1.0):.1f}",
    )


def _height(bar: Bar) -> float:
    if bar.share <= 0:
        return 0.0
    return max(HEIGHT * min(bar.share, 1.0), 2.0)  # small values must be visible, too
