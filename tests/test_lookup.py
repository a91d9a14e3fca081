"""Functions that a configuration names are looked for without running their modules."""

import sys

import pytest

from instahide.attacks.catalogue import STAGES, choose_stage
from instahide.choice import module_file
from instahide.errors import InstaHideError
from instahide.lookup import check_choice, check_function

SOURCE = """
raise SystemExit("this module was run")
import os.path as paths
from elsewhere import borrowed
def plain(problem, rng, *, power=2.0): ...
if paths:
    def chosen(problem, rng): ...
else:
    try:
        chosen = None
    except ImportError:
        spare = None
@decorator
def wrapped(problem, rng): ...
class Callable:
    def method(self): ...
made = first = lambda problem, rng: None
"""


@pytest.fixture(params=["package", "namespace"])
def module(request, tmp_path, monkeypatch):
    """The name of a module that must not be run, nor the packages above it."""
    folder = tmp_path / "zoo_of_tests" / "cage"
    folder.mkdir(parents=True)
    (folder / "animals.py").write_text(SOURCE, encoding="utf-8")
    if request.param == "package":
        for place in (folder, folder.parent):
            (place / "__init__.py").write_text(
                'raise SystemExit("this package was run")', encoding="utf-8"
            )
    monkeypatch.syspath_prepend(tmp_path)
    yield "zoo_of_tests.cage.animals"
    assert not [name for name in sys.modules if name.startswith("zoo_of_tests")]


@pytest.mark.parametrize(
    "name", ["plain", "chosen", "spare", "wrapped", "Callable", "made", "first", "borrowed"]
)
def test_what_a_module_makes_is_found(module, name):
    check_function(f"{module}:{name}")


@pytest.mark.parametrize("name", ["method", "elsewhere", "nothing", "decorator", "rng"])
def test_what_it_does_not_make_is_refused(module, name):
    with pytest.raises(InstaHideError, match=rf"animals.py has no function {name}$"):
        check_function(f"{module}:{name}")


def test_the_nearest_function_is_offered(module):
    with pytest.raises(InstaHideError, match="did you mean plain"):
        check_function(f"{module}:plan")


def test_options_are_the_keyword_only_arguments(module):
    check_choice(choose_stage("similarity", f"{module}:plain,power=1"))
    check_choice(choose_stage("similarity", f"{module}:wrapped,unknown=1"))  # nobody can tell
    with pytest.raises(InstaHideError, match="no option 'powr'; it has power"):
        check_choice(choose_stage("similarity", f"{module}:plain,powr=1"))


@pytest.mark.parametrize("source", ["from os.path import *", "def __getattr__(name): ..."])
def test_names_that_the_source_does_not_tell_are_left_to_the_job(source, tmp_path, monkeypatch):
    (tmp_path / "hidden_of_tests.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    check_function("hidden_of_tests:join")


@pytest.mark.parametrize("source", [b"def f(:", b"\0", b"\xff\xfe", b"(" * 5000])
def test_a_module_that_is_no_python_is_refused(source, tmp_path, monkeypatch):
    (tmp_path / "broken_of_tests.py").write_bytes(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InstaHideError, match=r"broken_of_tests.py cannot be read as Python"):
        check_function("broken_of_tests:f")


@pytest.mark.parametrize(
    "target",
    ["../x:f", "a..b:f", ".a:f", "a.:f", "a:", ":f", "a b:f", "a:f\n", "/a:f"],
)
def test_what_is_no_module_and_function_is_refused(target):
    with pytest.raises(InstaHideError, match="not of the form module:function"):
        module_file(target)


@pytest.mark.parametrize("target", ["sys:exit", "_ctypes:f", "nowhere.at.all:f", "json.x.y:f"])
def test_modules_without_a_source_are_refused(target):
    with pytest.raises(InstaHideError, match="there is no module"):
        module_file(target)


@pytest.mark.parametrize(
    ("stage", "name"), [(stage, name) for stage in STAGES for name in STAGES[stage]]
)
def test_the_stages_of_the_project_are_found_with_their_options(stage, name):
    choice = choose_stage(stage, name)
    check_choice(choice)
    for option in choice.keywords():
        check_choice(choose_stage(stage, f"{name},{option}=1"))
