"""The table of faults: how often each was tried, and what came of it.

A test marked `fault("what goes wrong")` is a try, or as many as its property `tries` says.
"""

from collections import defaultdict

import pytest


def pytest_addoption(parser):
    parser.addoption("--fault-table", action="store_true", help="print the table of faults")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("fault")
    if marker:
        item.user_properties.append(("fault", marker.args[0]))
    return (yield)


def pytest_terminal_summary(terminalreporter, config):
    if not config.getoption("--fault-table"):
        return
    counts = defaultdict(lambda: [0, 0, 0])  # tried, survived, lost
    for outcome, column in (("passed", 1), ("failed", 2)):
        for report in terminalreporter.stats.get(outcome, []):
            given = dict(report.user_properties)
            if "fault" in given:
                tries = given.get("tries", 1)
                counts[given["fault"]][0] += tries
                counts[given["fault"]][column] += tries
    terminalreporter.section("faults")
    terminalreporter.write_line(f"{'fault':<44} {'tries':>8} {'survived':>8} {'lost':>8}")
    for what, (tries, survived, lost) in sorted(counts.items()):
        terminalreporter.write_line(f"{what:<44} {tries:>8} {survived:>8} {lost:>8}")
