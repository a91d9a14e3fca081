import pytest

from instahide.attacks.catalogue import STAGES, choose_stage, unmixing
from instahide.choice import load_function, module_file
from instahide.errors import InstaHideError


@pytest.mark.parametrize(
    ("stage", "name"), [(stage, name) for stage in STAGES for name in STAGES[stage]]
)
def test_every_name_leads_to_a_function_in_the_file_it_tells(stage, name):
    choice = choose_stage(stage, name)
    assert choice.function().__code__.co_filename == str(choice.file())
    assert choice.options == {}


def test_options_are_numbers_words_and_truth_values():
    choice = choose_stage("retrieval", "field,start=rows,rounds=3,public_mean=False")
    assert choice.options == {"start": "rows", "rounds": 3, "public_mean": False}
    assert choose_stage("similarity", "whitened,floor=1e-4").options == {"floor": 1e-4}


@pytest.mark.parametrize(
    ("stage", "text", "message"),
    [
        ("similarity", "whitend", "'whitend' is none of whitened, plain"),
        ("assignment", "em rounds=3", "not of the form"),
        ("assignment", "em,rounds", "not of the form"),
        ("assignment", "em,rounds=../x", "not of the form"),
        ("assignment", "../em", "not of the form"),
        ("finish", "a.b:c:d", "not of the form"),
    ],
)
def test_choices_that_name_nothing_are_refused(stage, text, message):
    with pytest.raises(InstaHideError, match=message):
        choose_stage(stage, text)


def test_unknown_options_modules_and_functions_are_named():
    with pytest.raises(InstaHideError, match="no option 'round'; it has rounds"):
        choose_stage("assignment", "em,round=3").function()
    with pytest.raises(InstaHideError, match="there is no module nowhere"):
        module_file("nowhere.at_all:f")
    with pytest.raises(InstaHideError, match="no function nothing"):
        load_function("json:nothing")


def test_a_mistake_in_any_stage_is_found_at_once():
    with pytest.raises(InstaHideError, match="retrieval 'fields'"):
        unmixing(retrieval="fields")
