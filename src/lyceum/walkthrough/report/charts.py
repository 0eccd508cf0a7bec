"""Drawings as SVG. Colours come from the page's style, so that they follow light and dark."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from lyceum.walkthrough.wording import figure

WIDTH, HEIGHT = 360, 260
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 10, 38
MINI_WIDTH, MINI_HEIGHT = 120, 26
TICKS = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """A direction of a drawing: what it shows, from where to where."""

    label: str
    low: float
    high: float

    def place(self, value: float) -> float:
        """Return where a value lies, 0 at the low end and 1 at the high one."""
        spread = self.high - self.low
        return (min(max(value, self.low), self.high) - self.low) / spread if spread else 0.5

    def ticks(self) -> list[float]:
        """Return the values to label."""
        return [self.low + (self.high - self.low) * step / (TICKS - 1) for step in range(TICKS)]


def curve(
    xs: Sequence[float], ys: Sequence[float], *, x: Axis, y: Axis, says: str, diagonal: bool = False, dots: bool = False
) -> Markup:
    """Return a line through the points; `diagonal` draws what to compare it with, `says` tells it to a screen reader."""
    points = [(_across(x, a), _up(y, b)) for a, b in zip(xs, ys, strict=True)]
    drawn = _diagonal(x, y) if diagonal else Markup()
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    drawn += Markup('<polyline class="line" points="{}"/>').format(path)
    if dots:
        drawn += Markup("").join(
            Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3.5"/>').format(*p) for p in points
        )
    return _framed(drawn, x, y, says)


def scatter(xs: Sequence[float], ys: Sequence[float], *, x: Axis, y: Axis, says: str) -> Markup:
    """Return the points, with the line where both are equal."""
    dots = Markup("").join(
        Markup('<circle class="point" cx="{:.1f}" cy="{:.1f}" r="2.2"/>').format(_across(x, a), _up(y, b))
        for a, b in zip(xs, ys, strict=True)
    )
    return _framed(_diagonal(x, y) + dots, x, y, says)


def histogram(edges: Sequence[float], counts: Sequence[int], *, label: str, says: str) -> Markup:
    """Return bars over `edges` (one more than `counts`)."""
    x = Axis(label, float(edges[0]), float(edges[-1]))
    # whole numbers at every tick
    y = Axis("rows", 0.0, float(-(-max([*counts, 1]) // (TICKS - 1)) * (TICKS - 1)))
    bars = Markup("").join(_bar(x, y, low, high, count) for low, high, count in _bins(edges, counts))
    return _framed(bars, x, y, says)


def mini_histogram(counts: Sequence[int], *, says: str) -> Markup:
    """Return bars without axes, for a cell of a table."""
    top = max([*counts, 1])
    step = MINI_WIDTH / max(len(counts), 1)
    gap = 1.0 if step > 3 else 0.0
    bars = Markup("").join(
        Markup('<rect class="mini" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            place * step, MINI_HEIGHT - tall, step - gap, tall
        )
        for place, count in enumerate(counts)
        for tall in [max(MINI_HEIGHT * count / top, 1.0 if count else 0.0)]
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(MINI_WIDTH, MINI_HEIGHT, says, bars)


def _bins(edges: Sequence[float], counts: Sequence[int]) -> list[tuple[float, float, int]]:
    return list(zip(edges[:-1], edges[1:], counts, strict=True))


def _bar(x: Axis, y: Axis, low: float, high: float, count: int) -> Markup:
    left, right, top = _across(x, low), _across(x, high), _up(y, count)
    return Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        left + 0.5, top, max(right - left - 1, 0.5), HEIGHT - BOTTOM - top
    )


def _across(x: Axis, value: float) -> float:
    return LEFT + x.place(value) * (WIDTH - LEFT - RIGHT)


def _up(y: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM)


def _diagonal(x: Axis, y: Axis) -> Markup:
    low, high = max(x.low, y.low), min(x.high, y.high)
    return Markup('<line class="reference" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        _across(x, low), _up(y, low), _across(x, high), _up(y, high)
    )


def _framed(drawn: Markup, x: Axis, y: Axis, says: str) -> Markup:
    parts = [Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, HEIGHT, says)]
    for value in y.ticks():
        at = _up(y, value)
        parts.append(
            Markup('<line class="grid" x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}"/>').format(LEFT, at, WIDTH - RIGHT, at)
        )
        parts.append(
            Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
                LEFT - 6, at + 3.5, _tick(value)
            )
        )
    for place, value in enumerate(x.ticks()):
        anchor = ("start", "middle", "middle", "middle", "end")[place]
        parts.append(
            Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
                _across(x, value), HEIGHT - BOTTOM + 14, anchor, _tick(value)
            )
        )
    parts.append(drawn)
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    parts.append(
        Markup('<text class="axis" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
            middle, HEIGHT - 6, x.label
        )
    )
    height = TOP + (HEIGHT - TOP - BOTTOM) / 2
    parts.append(
        Markup('<text class="axis" transform="translate(10 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>').format(
            height, y.label
        )
    )
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def _tick(value: float) -> str:
    magnitude = abs(value)
    for least, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if magnitude >= least:
            return f"{value / (1e3 if unit == 'k' else least):.3g}{unit}"
    return figure(float(f"{value:.3g}"))
