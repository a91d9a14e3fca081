import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instahide import names
from instahide.errors import InstaHideError
from instahide.names import LONGEST_SHOWN, checked_name, shown


def test_names_are_relative_and_plain():
    assert checked_name("./a//b.jpg", "x") == "a/b.jpg"
    assert checked_name("", "x") == checked_name("./", "x") == ""


def test_the_example_in_the_docstring():
    assert doctest.testmod(names) == (0, 1)


@pytest.mark.parametrize("name", ["/a", "\\a", "C:\\a", "a/../b", "..", "a\\..\\b"])
def test_names_that_lead_out_are_refused(name):
    with pytest.raises(InstaHideError, match="leads out of the archive"):
        checked_name(name, "x")


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("a\nb", r"a\\x0ab"),
        ("a\x85b", r"a\\x85b"),
        ("a\u2028b", r"a\\u2028b"),
        ("a\udcffb", r"a\\xffb"),
        ("a\ud800b", r"a\\ud800b"),
        ("a\x1b[2Jb\0", r"a\\x1b\[2Jb\\x00"),
        ("b\n", r"b\\x0a"),
    ],
)
def test_names_that_are_not_a_line_of_text_are_refused_and_shown_escaped(name, escaped):
    with pytest.raises(InstaHideError, match=f"holds the name '{escaped}'.*rename it"):
        checked_name(name, "x")


@given(st.text(st.characters(exclude_categories=[]), max_size=6_000))
def test_whatever_a_name_is_a_message_can_show_it(name):
    text = shown(name)
    assert len(text) <= LONGEST_SHOWN + 1
    assert len(text.splitlines()) <= 1
    text.encode()
