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
    tone: str = ""  # that of the chart, unless given


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
                bar.tone or tone,
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


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of one line: its share, its tone, and the text that appears on it."""

    share: float  # 0 to 1
    tone: str
    title: str


def stacked(pieces: Sequence[Piece], *, summary: str) -> SafeString:
    """Draw one line that its pieces fill in order."""
    begins = [sum(piece.share for piece in pieces[:number]) for number in range(len(pieces))]
    drawn = format_html_join(
        "",
        '<rect class="staff-bar staff-bar-{}" x="{}" width="{}" height="8">'
        "<title>{}</title></rect>",
        (
            (piece.tone, f"{100 * begin:.2f}", f"{100 * piece.share:.2f}", piece.title)
            for piece, begin in zip(pieces, begins, strict=True)
        ),
    )
    return format_html(
        '<svg class="staff-stacked" viewBox="0 0 100 8" role="img" aria-label="{}"'
        ' preserveAspectRatio="none">{}</svg>',
        summary,
        drawn,
    )


def _height(bar: Bar) -> float:
    if bar.share <= 0:
        return 0.0
    return max(HEIGHT * min(bar.share, 1.0), 2.0)  # small values must be visible, too
