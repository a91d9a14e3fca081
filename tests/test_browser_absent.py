"""An absent browser is noticed where CI is set."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PROBE = """
import browser
with browser.browser():
    pass
"""


@pytest.mark.parametrize(
    ("given", "absent"),
    [({}, True), ({"CI": "1"}, False), ({"CI": "1", "INSTAHIDE_WITHOUT_BROWSER": "1"}, True)],
    ids=str,
)
def test_tests_skip_without_a_browser_but_not_silently_in_ci(tmp_path, given, absent):
    left_out = ("CI", "INSTAHIDE_WITHOUT_BROWSER")
    clean = {key: value for key, value in os.environ.items() if key not in left_out}
    environment = clean | given | {"PATH": str(tmp_path), "PYTHONPATH": str(TESTS)}
    code = f"import browser; assert browser.MAY_BE_ABSENT is {absent}"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    tried = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment, capture_output=True, encoding="utf-8"
    )
    assert tried.returncode and "apt-get install chromium" in tried.stderr
