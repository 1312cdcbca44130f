"""Tables for people: which columns a shape shows, and how a figure is written."""


def _count(value):
    return f"{value:,.0f}".replace(",", " ")


def _ratio(value):
    return "-" if value is None else f"{value:.2f}"


def _interval(value):
    return "-" if value is None else f"{value[0]:.2f}-{value[1]:.2f}"


# Half of an interval, as a part of the ratio, from which on it is told beside the ratio.
TOLD_FROM = 0.05


def _told(value, interval):
    """A ratio, with its interval where the rounds leave that wide."""
    if value is None or (interval[1] - interval[0]) / 2 < TOLD_FROM * value:
        return _ratio(value)
    return f"{_ratio(value)} ({_interval(interval)})"


def _percent(value):
    return f"{value * 100:.0f} %"


SERVER = ("server", lambda row: row["server"])
MESSAGES = [("messages/s", lambda row: _count(row["messages_per_second"])),
            ("+-", lambda row: _percent(row["messages_spread"]))]
BYTES = [("MB/s", lambda row: _count(row["bytes_per_second"] / 1e6))]
CPU = [("CPU us/msg", lambda row: f"{row['cpu_us']:.2f}"),
       ("+-", lambda row: _percent(row["cpu_spread"]))]
RATIOS = [("CPU ratio", lambda row: _told(row["cpu_ratio"], row["cpu_interval"])),
          ("msg/s ratio", lambda row: _told(row["messages_ratio"], row["messages_interval"]))]
COMPARISON = []
for _title, _figure in (("CPU", "cpu"), ("msg/s", "messages"), ("p99", "p99")):
    COMPARISON += [(f"{_title} ratio", lambda row, key=f"{_figure}_ratio": _ratio(row[key])),
                   ("95 %", lambda row, key=f"{_figure}_interval": _interval(row[key]))]
RIVALRY = []
for _title, _figure in (("p99", "p99_rival"), ("MB/s", "bytes_rival")):
    RIVALRY += [(f"{_title} ratio", lambda row, key=f"{_figure}_ratio": _ratio(row.get(key))),
                ("95 %", lambda row, key=f"{_figure}_interval": _interval(row.get(key)))]
CPU_RATIO = COMPARISON[:2]
LATENCY = [("p50 us", lambda row: _count(row["p50_us"])),
           ("p99 us", lambda row: _count(row["p99_us"])),
           ("p99.9 us", lambda row: _count(row["p999_us"]))]
MEMORY = [("RSS MiB", lambda row: f"{row['resident_kib'] / 1024:.1f}")]
CONNECTION = [("bytes/connection", lambda row: _count(row["bytes_per_connection"]))]
RESTS = [(f"MiB {_title}", lambda row, key=f"{_title}_kib": f"{row[key] / 1024:.1f}")
         for _title in ("before", "peak", "after")]
WAITED = [("CPU waited for", lambda row: f"{row['waited'] * 100:.1f} %")]
GENERATOR = [("load us/msg", lambda row: f"{row['load_cpu_us']:.2f}")]
ERRORS = [("errors", lambda row: _count(row["errors"]))]

COLUMNS = {
    "messages": [SERVER, *MESSAGES, *CPU, *RATIOS, *LATENCY, *MEMORY, *GENERATOR, *ERRORS],
    "bytes": [SERVER, *BYTES, *CPU, *RATIOS, *LATENCY, *MEMORY, *GENERATOR, *ERRORS],
    "memory": [SERVER, *CONNECTION, *MEMORY, *ERRORS],
    "crowd": [SERVER, *CONNECTION, *MEMORY, *MESSAGES, *CPU, *LATENCY, *ERRORS],
    "comparison": [SERVER, *MESSAGES, *CPU, *COMPARISON, *ERRORS],
    "broadcast": [SERVER, *MESSAGES, *CPU, *CPU_RATIO, *LATENCY, *RESTS, *ERRORS],
    "flood": [SERVER, *LATENCY, *BYTES, *RIVALRY, *WAITED, *ERRORS],
    "latency": [SERVER, *LATENCY, *MESSAGES, *BYTES, *ERRORS],
}


def render(header, rows):
    """A table in plain text: the first column to the left, figures to the right."""
    cells = [header, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for row in cells:
        first = row[0].ljust(widths[0])
        lines.append("  ".join([first] + [row[i].rjust(widths[i]) for i in range(1, len(row))]))
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def _reference(row):
    """What the ratios of a table refer to."""
    if row.get("p99_rival"):
        return f"; ratios to {row['p99_rival']} (p99) and {row['bytes_rival']} (MB/s)"
    return f"; ratios to {row['reference']}"


def table(shape, rows):
    """The table of one shape, with its title and what the ratios refer to."""
    columns = COLUMNS[shape.subject]
    body = render([title for title, _ in columns],
                  [[text(row) for _, text in columns] for row in rows])
    reference = _reference(rows[0]) if rows else ""
    return f"{shape.title}{reference}\n\n{body}\n"
