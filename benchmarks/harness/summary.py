"""From the samples of several rounds to the few figures that are quoted.

On a noisy machine two servers can only be compared when they ran at about the same time. So a ratio
is formed inside each round, and the median over the rounds is quoted; the medians of the two
servers are never divided. How far to trust it says its interval: where the true median lies with
95 % of confidence, whatever the distribution (from the order of the ratios alone, by the binomial
law); with fewer than six rounds, all of their range.
"""

import math
import statistics


def median(values):
    return statistics.median(values) if values else 0.0


def spread(values):
    """Half the range, as a fraction of the median: the "+-" of a table."""
    middle = median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


def ratios_to(samples, reference, key):
    """Each sample's figure divided by the reference's of the same round."""
    return [sample[key] / other[key] for sample, other in zip(samples, reference) if other[key]]


def interval(values):
    """The 95 % confidence interval of the median."""
    ordered = sorted(values)
    ends = 0
    # The chance that the median is beyond the ends, which then are the next ones.
    beyond = 2 / 2 ** len(ordered)
    while True:
        beyond += 2 * math.comb(len(ordered), ends + 1) / 2 ** len(ordered)
        if beyond > 0.05:
            return ordered[ends], ordered[-1 - ends]
        ends += 1


def bytes_per_connection(sample):
    growth = sample["server_kib"] - sample["server_kib_before"]
    return growth * 1024 / sample["connections"]


def best_of(samples_by_server, candidates, key, choose):
    """Which of the candidates has the least (min) or largest (max) median; None: none is there."""
    present = [name for name in candidates if name in samples_by_server]
    return choose(present, default=None, key=lambda name: median(
        [sample[key] for sample in samples_by_server[name]]))


def reference_of(names):
    """Whom to compare with: Rondo on epoll where it is there, else the floor, else the first."""
    for candidate in ("rondo_epoll", "rondo_auto", "rondo_io_uring", "floor_epoll"):
        if candidate in names:
            return candidate
    return names[0]


# What is compared with the reference, and by which figure of a sample.
RATIOS = {
    "cpu": "server_cpu_us_per_message",
    "messages": "messages_per_second",
    "p99": "p99_us",
}

# What is compared with the best of the rivals: by which figure of a sample, and which is best.
RIVALRY = {
    "p99": ("p99_us", min),
    "bytes": ("bytes_per_second", max),
}

FIGURES = {
    "messages_per_second": "messages_per_second",
    "bytes_per_second": "bytes_per_second",
    "cpu_us": "server_cpu_us_per_message",
    "load_cpu_us": "load_cpu_us_per_message",
    "p50_us": "p50_us",
    "p99_us": "p99_us",
    "p999_us": "p999_us",
    "resident_kib": "server_kib",
}

# What only suites that rest have: the server's memory with all connections open.
RESTS = {
    "before_kib": "server_kib_rested_before",
    "peak_kib": "server_kib_peak",
    "after_kib": "server_kib_rested_after",
}


def _add_ratios(row, figure, samples, others, key):
    ratios = ratios_to(samples, others, key)
    row[figure + "_ratio"] = median(ratios) if ratios else None
    row[figure + "_interval"] = interval(ratios) if ratios else None


def summarise(samples_by_server, rivals=(), reference=""):
    """One row a server: medians, spreads, and ratios to the reference of the same round."""
    if reference not in samples_by_server:
        reference = reference_of(list(samples_by_server))
    rows = []
    for name, samples in samples_by_server.items():
        row = {"server": name, "reference": reference}
        for figure, key in FIGURES.items():
            row[figure] = median([sample[key] for sample in samples])
        for figure, key in RESTS.items():
            row[figure] = median([sample[key] for sample in samples if key in sample])
        row["messages_spread"] = spread([sample["messages_per_second"] for sample in samples])
        row["cpu_spread"] = spread([sample["server_cpu_us_per_message"] for sample in samples])
        others = samples_by_server[reference]
        for figure, key in RATIOS.items():
            _add_ratios(row, figure, samples, others, key)
        for figure, (key, choose) in RIVALRY.items() if rivals else ():
            best = best_of(samples_by_server, rivals, key, choose)
            row[f"{figure}_rival"] = best
            _add_ratios(row, f"{figure}_rival", samples, samples_by_server.get(best, ()), key)
        row["bytes_per_connection"] = median([bytes_per_connection(sample) for sample in samples])
        row["waited"] = median([sample["server_waited_seconds"] / sample["seconds"]
                                for sample in samples])
        row["errors"] = sum(sample["errors"] for sample in samples)
        rows.append(row)
    return rows
