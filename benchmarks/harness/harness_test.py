"""Tests of the harness; in benchmarks/:

    python3 -m unittest discover -s harness -p '*_test.py' -t .
"""

import subprocess
import sys
import unittest
import xml.dom.minidom

from harness import (
    instructions, measure, micro, plots, redis, servers, suites, summary, svg, tables)


def sample(rate=1000.0, cpu=2.0, **changes):
    values = {"messages_per_second": rate, "bytes_per_second": rate * 64,
              "server_cpu_us_per_message": cpu, "load_cpu_us_per_message": 1.0, "p50_us": 10.0,
              "p99_us": 20.0, "p999_us": 30.0, "server_kib": 4000, "server_kib_before": 3000,
              "connections": 64, "seconds": 1.0, "server_waited_seconds": 0.0, "errors": 0}
    values.update(changes)
    return values


class NetworkTest(unittest.TestCase):

    def test_a_run_has_a_loopback_of_its_own_where_that_is_allowed(self):
        said = subprocess.run(
            [sys.executable, "-c",
             "from harness import network; import socket; print(network.enter()); "
             "print(network.congestion_control()); socket.create_server(('127.0.0.1', 0)).close()"],
            capture_output=True, text=True, check=True).stdout.splitlines()
        self.assertTrue(said == ["None", "reno"] or said[0] != "None", said)


class SummaryTest(unittest.TestCase):

    def test_ratios_are_formed_inside_a_round(self):
        # The machine was ten times slower in the second round, for both: the ratio does not notice.
        ours = [sample(cpu=2.0), sample(cpu=20.0), sample(cpu=2.0)]
        theirs = [sample(cpu=3.0), sample(cpu=30.0), sample(cpu=3.0)]
        for ratio in summary.ratios_to(theirs, ours, "server_cpu_us_per_message"):
            self.assertAlmostEqual(ratio, 1.5)

    def test_a_reference_that_measured_nothing_gives_no_ratio(self):
        rows = summary.summarise({"rondo_epoll": [sample(cpu=0.0)], "libuv": [sample()]})
        self.assertIsNone(rows[1]["cpu_ratio"])
        self.assertIsNone(rows[1]["cpu_interval"])

    def test_the_interval_leaves_out_what_chance_explains(self):
        # Of six fair coins all fall the same way in 3 % of cases, of five in 6 %: too often.
        self.assertEqual(summary.interval([5, 1, 3, 2, 4]), (1, 5))
        self.assertEqual(summary.interval([1.0]), (1.0, 1.0))
        self.assertEqual(summary.interval([6, 5, 1, 3, 2, 4]), (1, 6))
        self.assertEqual(summary.interval(range(9)), (1, 7))
        self.assertEqual(summary.interval(range(25)), (7, 17))

    def test_spread_is_half_the_range(self):
        self.assertAlmostEqual(summary.spread([90.0, 100.0, 110.0]), 0.1)
        self.assertEqual(summary.spread([]), 0.0)

    def test_compares_with_rondo_where_it_is_there(self):
        names = ["libuv", "floor_epoll", "rondo_epoll"]
        self.assertEqual(summary.reference_of(names), "rondo_epoll")
        self.assertEqual(summary.reference_of(["libuv", "floor_epoll"]), "floor_epoll")
        self.assertEqual(summary.reference_of(["libuv"]), "libuv")

    def test_the_best_rival_is_chosen_for_each_figure(self):
        samples = {"rondo_epoll": [sample(p99_us=30.0, bytes_per_second=900)],
                   "asio": [sample(p99_us=20.0, bytes_per_second=300)],
                   "libuv": [sample(p99_us=60.0, bytes_per_second=1000)],
                   "floor_epoll": [sample(p99_us=1.0, bytes_per_second=9000)]}
        row = summary.summarise(samples, rivals=("libuv", "asio", "tokio"))[0]
        self.assertEqual((row["p99_rival"], row["bytes_rival"]), ("asio", "libuv"))
        self.assertAlmostEqual(row["p99_rival_ratio"], 1.5)
        self.assertAlmostEqual(row["bytes_rival_ratio"], 0.9)

    def test_without_a_rival_there_is_no_ratio_to_one(self):
        row = summary.summarise({"rondo_epoll": [sample()]}, rivals=("asio",))[0]
        self.assertIsNone(row["p99_rival"])
        self.assertIsNone(row["p99_rival_ratio"])

    def test_memory_is_the_growth_over_all_connections(self):
        self.assertEqual(summary.bytes_per_connection(sample(connections=1000)), 1024)

    def test_errors_add_up(self):
        rows = summary.summarise({"libuv": [sample(errors=1), sample(errors=2)]})
        self.assertEqual(rows[0]["errors"], 3)


class PlacementTest(unittest.TestCase):

    def test_server_and_generator_are_apart_where_they_can_be(self):
        place = measure.Placement(1, cpus={0, 1})
        self.assertEqual((place.server, place.load), ({0}, {1}))
        self.assertFalse(place.shared)

    def test_all_is_shared_when_the_loops_need_every_cpu(self):
        place = measure.Placement(2, cpus={0, 1})
        self.assertEqual(place.server, {0, 1})
        self.assertTrue(place.shared)

    def test_the_generator_gets_as_many_threads_as_the_server_has_loops(self):
        self.assertEqual(measure.Placement(4, cpus=set(range(16))).load_threads, 4)
        self.assertEqual(measure.Placement(12, cpus=set(range(16))).load_threads, 4)


class SuitesTest(unittest.TestCase):

    def test_names_of_shapes_are_unique(self):
        for name, shapes in suites.SUITES.items():
            self.assertEqual(len({shape.name for shape in shapes}), len(shapes), name)

    def test_every_shape_has_a_table_and_a_plot(self):
        for shapes in suites.SUITES.values():
            for shape in shapes:
                self.assertIn(shape.subject, tables.COLUMNS)
                self.assertIn(shape.subject, plots.SUBJECTS)

    def test_a_suite_knows_how_many_rounds_it_needs(self):
        self.assertEqual(suites.rounds_of("echo", None), 5)
        self.assertEqual(suites.rounds_of("stream", None), 21)
        self.assertEqual(suites.rounds_of("stream", 3), 3)
        self.assertEqual(suites.seconds_of("echo", None), 1)
        self.assertEqual(suites.seconds_of("flood", None), 0.5)
        self.assertLessEqual({*suites.ROUNDS, *suites.SECONDS}, set(suites.SUITES))

    def test_scaling_doubles_up_to_a_loop_for_each_cpu(self):
        cases = ((1, [1]), (2, [1, 2]), (4, [1, 2, 4]), (12, [1, 2, 4, 8]))
        for cpus, expected in cases:
            self.assertEqual([shape.loops for shape in suites.scaling(cpus)], expected)


class ServersTest(unittest.TestCase):

    def test_the_poller_flag_replaces_both_of_rondos_lines(self):
        chosen = servers.select_servers([], "auto")
        self.assertEqual([server.name for server in chosen if server.kind == "rondo"],
                         ["rondo_auto"])
        self.assertIn("--poller=auto", chosen[0].arguments)

    def test_a_shape_has_those_that_it_names_or_those_that_need_no_name(self):
        fleet = servers.Fleet(servers.ALL, {})
        usual = [server.name for server in fleet.servers_of(suites.WORK)]
        self.assertIn("rondo_epoll", usual)
        self.assertNotIn("rondo_epoll_tables", usual)
        self.assertEqual({server.name for server in fleet.servers_of(suites.CROWD)},
                         set(suites.TABLES))

    def test_broadcasts_are_compared_with_a_loop_of_send(self):
        fleet = servers.Fleet(servers.ALL, {})
        shape = suites.broadcast(1000, "callback")
        self.assertEqual([server.name for server in fleet.servers_of(shape)],
                         list(suites.BROADCASTERS))
        rows = summary.summarise({"broadcast_epoll": [sample(cpu=3.0)],
                                  "floor_broadcast": [sample()]}, reference=shape.reference)
        self.assertEqual(rows[0]["reference"], "floor_broadcast")
        self.assertAlmostEqual(rows[0]["cpu_ratio"], 1.5)

    def test_a_shape_may_have_a_server_beside_the_usual_ones(self):
        fleet = servers.Fleet(servers.ALL, {})
        idle = [server.name for server in fleet.servers_of(suites.IDLE)]
        self.assertIn(servers.TIMEOUTS, idle)
        self.assertIn("rondo_epoll", idle)
        self.assertNotIn("rondo_epoll_tables", idle)

    def test_an_unknown_name_ends_the_program_and_is_quoted(self):
        with self.assertRaises(SystemExit) as raised:
            servers.select_servers(["nginx"])
        self.assertIn("nginx", str(raised.exception))


class TablesTest(unittest.TestCase):

    def test_columns_line_up(self):
        lines = tables.render(["server", "n"], [["a", "1"], ["longer", "1 000"]]).splitlines()
        self.assertEqual(len({len(line) for line in lines}), 1)

    def test_a_ratio_has_its_interval_where_that_is_wide(self):
        steady = [sample(cpu=2.0 + 0.01 * number) for number in range(9)]
        noisy = [sample(cpu=2.0 + 0.1 * number) for number in range(9)]
        rows = summary.summarise({"rondo_epoll": [sample()] * 9, "asio": steady, "libuv": noisy})
        text = tables.table(suites.WORK, rows)
        self.assertIn("1.02 ", text)
        self.assertNotIn("1.02 (", text)
        self.assertIn("1.20 (1.05-1.35)", text)

    def test_says_whose_the_best_figures_are(self):
        rows = summary.summarise({"rondo_epoll": [sample()], "asio": [sample()]}, ("asio",))
        self.assertIn("ratios to asio (p99) and asio (MB/s)", tables.table(suites.FLOOD, rows))

    def test_every_subject_renders(self):
        rows = summary.summarise({"libuv": [sample()]})
        for subject in tables.COLUMNS:
            shape = suites.Shape("name", "a title", (), subject=subject)
            self.assertIn("libuv", tables.table(shape, rows))


class ParsersTest(unittest.TestCase):

    def test_reads_callgrinds_total(self):
        self.assertEqual(instructions.total_of("events: Ir\nsummary: 1234\n"), 1234)
        with self.assertRaises(RuntimeError):
            instructions.total_of("")

    def test_reads_google_benchmarks_medians(self):
        text = ('{"benchmarks": ['
                '{"name": "Push_median", "aggregate_name": "median", "cpu_time": 3.5},'
                '{"name": "Push_stddev", "aggregate_name": "stddev", "cpu_time": 0.1}]}')
        self.assertEqual(micro.parse(text), [{"name": "Push_median", "nanoseconds": 3.5}])

    def test_the_operation_of_a_stream_is_one_of_its_items(self):
        text = ('{"benchmarks": [{"name": "Lines", "cpu_time": 1e6, "bytes_per_second": 1e9,'
                ' "items_per_second": 5e7}]}')
        self.assertEqual(micro.parse(text), [{"name": "Lines", "nanoseconds": 20.0}])

    def test_reads_redis_benchmarks_last_rate(self):
        text = "SET: rps=0.0\rSET: 100.5 requests per second, p50=1 msec\n"
        self.assertEqual(redis.rate_of(text), 100.5)
        with self.assertRaises(RuntimeError):
            redis.rate_of("Could not connect")


class SvgTest(unittest.TestCase):

    def test_axes_end_at_a_round_number(self):
        cases = ((0.03, 0.05), (1, 1), (1.2, 2), (2.2, 2.5), (7, 10), (199566, 200000))
        for value, expected in cases:
            self.assertAlmostEqual(svg.nice_ceiling(value), expected)

    def test_bars_are_well_formed_and_escaped(self):
        entries = [("rondo_epoll", 1.0, 0.9, 1.1), ("x", 0.0, 0.0, 0.0)]
        text = svg.bars([("a < b", "us", entries)], "&")
        xml.dom.minidom.parseString(text)
        self.assertIn("a &lt; b", text)
        self.assertIn("ours", text)

    def test_lines_are_well_formed_even_for_one_point(self):
        xml.dom.minidom.parseString(svg.lines("t", "u", "loops", [("a", [(1, 5.0)])], "n"))
        xml.dom.minidom.parseString(
            svg.lines("t", "u", "loops", [("a", [(1, 5.0), (2, 9.0), (4, 15.0)])], "n"))


if __name__ == "__main__":
    unittest.main()
