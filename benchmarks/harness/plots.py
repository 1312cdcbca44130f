"""Which figure of a suite is drawn, and how: one plot a suite, beside its JSON."""

from harness import machine, summary, svg

# Figure in a sample, its unit as people read it, and the factor to get there.
SUBJECTS = {
    "messages": ("server_cpu_us_per_message", "server CPU per message, us (less is better)", 1),
    "comparison": ("server_cpu_us_per_message", "server CPU per message, us (less is better)", 1),
    "bytes": ("bytes_per_second", "MB/s, of the longer direction (more is better)", 1e-6),
    "memory": (None, "bytes of the server's memory per idle connection (less is better)", 1),
    "crowd": (None, "bytes of the server's memory per connection (less is better)", 1),
    "broadcast": ("server_cpu_us_per_message", "server CPU per copy, us (less is better)", 1),
    "flood": ("p99_us", "p99 latency of the quiet one, us (less is better)", 1),
    "latency": ("p99_us", "p99 latency, us (less is better)", 1),
}


def _values(samples, subject):
    key, _, factor = SUBJECTS[subject]
    if key is None:
        return [summary.bytes_per_connection(sample) for sample in samples]
    return [sample[key] * factor for sample in samples]


def _panel(result):
    bars = []
    for name, samples in result["samples"].items():
        values = _values(samples, result["subject"])
        bars.append((name, summary.median(values), min(values), max(values)))
    return result["title"], SUBJECTS[result["subject"]][1], bars


def draw(document):
    """The SVG of a suite that ran shapes."""
    note = f"{document['command']}; {machine.sentence(document['machine'])}; {document['date']}"
    return svg.bars([_panel(result) for result in document["shapes"]], note)


def draw_rows(document, title, unit, name_key, value_key):
    """The SVG of a suite whose figures carry no noise: one bar a row."""
    note = f"{document['command']}; {machine.sentence(document['machine'])}; {document['date']}"
    bars = [(row[name_key], row[value_key], row[value_key], row[value_key])
            for row in document["rows"]]
    return svg.bars([(title, unit, bars)], note)


def draw_scaling(document):
    """What the loops can serve with a CPU each, over their number, a curve for each server."""
    curves = {}
    for result in document["shapes"]:
        for row in result["rows"]:
            curves.setdefault(row["server"], []).append(
                (result["loops"], result["loops"] * 1e6 / row["cpu_us"]))
    note = f"{document['command']}; {machine.sentence(document['machine'])}; {document['date']}"
    return svg.lines("64 B ping-pong on 256 connections",
                     "messages for a second of CPU time of each loop; dashed: linear", "loops",
                     list(curves.items()), note)
