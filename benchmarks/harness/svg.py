"""Plots without a library: bars for a table, lines for a curve, on light and on dark pages.

Text and axes take their colour from the reader's colour scheme; the page behind stays transparent.
"""

import html

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 }
  .note { font-size: 11px; fill: #57606a }
  .axis { stroke: #8c959f; stroke-width: 1 }
  .grid { stroke: #8c959f; stroke-width: 1; stroke-opacity: .25 }
  .bar { fill: #8c959f; fill-opacity: .55 }
  .ours { fill: #0a7d5a; fill-opacity: 1 }
  .floor { fill: #8c959f; fill-opacity: .3 }
  .range { stroke: #57606a; stroke-width: 1.5 }
  .line { fill: none; stroke-width: 2 }
  .ideal { stroke-dasharray: 4 4; stroke: #8c959f; fill: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    .ours { fill: #3fb68b }
    .range { stroke: #c9d1d9 }
  }
"""

COLOURS = ["#0a7d5a", "#b3590f", "#5b6fc4", "#a8457e", "#7a7f1f", "#4a8ca8", "#8a63b8", "#c04a3a"]


def _document(width, height, body):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">\n<style>{STYLE}</style>\n'
            + "\n".join(body) + "\n</svg>\n")


def _text(x, y, text, classes="", anchor="start"):
    kind = f' class="{classes}"' if classes else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{html.escape(text)}</text>'


def nice_ceiling(value):
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `value`."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power > value:
        power /= 10
    while power * 10 < value:
        power *= 10
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= value * 0.999999)


def figure_text(value):
    """Three significant digits, thousands apart."""
    if value >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _class_of(name):
    if name.startswith("rondo"):
        return "bar ours"
    return "bar floor" if name.startswith("floor") else "bar"


def _panel(top, title, unit, bars, width):
    """One titled group of horizontal bars; returns its elements and its height."""
    left, right, step = 130, 90, 24
    scale = (width - left - right) / nice_ceiling(max((high for _, _, _, high in bars), default=1))
    body = [_text(0, top + 16, title, "title"), _text(0, top + 33, unit, "note")]
    y = top + 46
    for name, value, low, high in bars:
        body.append(_text(left - 8, y + 13, name, anchor="end"))
        body.append(f'<rect class="{_class_of(name)}" x="{left}" y="{y}" height="16" rx="2" '
                    f'width="{max(value * scale, 1):.1f}"/>')
        if high > low:
            body.append(f'<line class="range" x1="{left + low * scale:.1f}" y1="{y + 8}" '
                        f'x2="{left + high * scale:.1f}" y2="{y + 8}"/>')
        end = left + max(high, value) * scale + 6
        body.append(_text(end, y + 13, figure_text(value)))
        y += step
    body.append(f'<line class="axis" x1="{left}" y1="{top + 42}" x2="{left}" y2="{y}"/>')
    return body, y - top + 18


def bars(panels, note, width=720):
    """`panels`: (title, unit, [(name, value, lowest, highest)]). A thin line shows the range."""
    body, top = [], 8
    for title, unit, entries in panels:
        elements, height = _panel(top, title, unit, entries, width)
        body += elements
        top += height
    body.append(_text(0, top + 8, note, "note"))
    return _document(width, top + 20, body)


def lines(title, unit, axis, series, note, width=720, height=420):
    """A curve for each of `series`: (name, [(x, y)]), and a dashed one for what linear would be."""
    left, right, top, bottom = 80, 140, 56, 64
    points = [point for _, curve in series for point in curve]
    most_x = max((x for x, _ in points), default=1)
    ceiling = nice_ceiling(max((y for _, y in points), default=1))

    def place(x, y):
        return (left + (width - left - right) * x / most_x,
                height - bottom - (height - top - bottom) * min(y, ceiling) / ceiling)

    body = [_text(0, 24, title, "title"), _text(0, 41, unit, "note")]
    for quarter in range(5):
        x, y = place(0, ceiling * quarter / 4)
        body.append(f'<line class="grid" x1="{x}" y1="{y:.1f}" x2="{width - right}" y2="{y:.1f}"/>')
        body.append(_text(left - 8, y + 4, figure_text(ceiling * quarter / 4), anchor="end"))
    for x in sorted({x for x, _ in points}):
        body.append(_text(place(x, 0)[0], height - bottom + 20, f"{x:g}", anchor="middle"))
    body.append(_text((left + width - right) / 2, height - bottom + 38, axis, "note", "middle"))
    for index, (name, curve) in enumerate(series):
        body += _curve(name, curve, COLOURS[index % len(COLOURS)], index, place, width - right + 12)
    body.append(_text(0, height - 6, note, "note"))
    return _document(width, height, body)


def _curve(name, curve, colour, index, place, legend_x):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve))
    body = [f'<polyline class="line" stroke="{colour}" points="{path}"/>']
    body += [f'<circle fill="{colour}" r="3" cx="{x:.1f}" cy="{y:.1f}"/>'
             for x, y in (place(*point) for point in curve)]
    first_x, first_y = curve[0]
    last_x = curve[-1][0]
    if index == 0 and last_x > first_x:
        ideal = [place(x, first_y / first_x * x) for x, _ in curve]
        dashes = " ".join(f"{x:.1f},{y:.1f}" for x, y in ideal)
        body.insert(0, f'<polyline class="ideal" points="{dashes}"/>')
    body.append(f'<rect x="{legend_x}" y="{58 + 20 * index}" width="10" height="10" '
                f'fill="{colour}"/>')
    body.append(_text(legend_x + 16, 67 + 20 * index, name))
    return body
