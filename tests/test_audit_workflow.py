"""An audit by the workflow: the command's page, step by step, and what runs again."""

import json
import re
import shutil
import stat

import pytest
from workflow_project import Project

import instahide
from instahide.auditing.ownfiles import own_inventory
from instahide.errors import InstaHideError
from instahide.photos.samples import save_samples

PAGE = "results/audits/mine.html"
CHOICES = {"rows_per_image": 8, "curve": [4], "size": 16}
MINE = {"images": "mine", "public": "photos", **CHOICES}
CONFIG = {"audits": {"mine": MINE}}
#: The processor's time, all that two runs differ in.
SECONDS = re.compile(r"took [\d,]+ s of")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Six photos of two classes, audited with public photos of one's own."""
    project = Project(tmp_path_factory.mktemp("project"), CONFIG)
    save_samples(project.root / "photos", project.root / "all")
    for number, file in enumerate(sorted((project.root / "all").glob("*/00.png"))[:6]):
        place = project.root / "mine" / f"groß {number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place / f"{number}.png")
    (project.root / "mine" / "notes.txt").write_text("no image", encoding="utf-8")
    project.run("--cores", "2", "--", PAGE)
    return project


@pytest.fixture
def spoilt(project, tmp_path):
    """The same, which the test may change: what it makes of code and images is undone.

    No copy: the page's rule names its templates by where the project lies.
    """
    changed = ("instahide", "config", "mine")
    for name in changed:
        shutil.copytree(project.root / name, tmp_path / name)
    yield project
    for name in changed:
        shutil.rmtree(project.root / name)
        shutil.copytree(tmp_path / name, project.root / name)


def told(page):
    """What page, table and JSON file say, but for the time it took."""
    text = SECONDS.sub("took some of", page.read_text(encoding="utf-8"))
    data = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    for point in data["points"]:
        point.pop("cpu_seconds")
    return text, page.with_suffix(".csv").read_bytes(), data


def test_it_is_the_page_that_one_call_makes(project, tmp_path):
    made = instahide.audit(
        project.root / "mine",
        tmp_path / "mine.html",
        public=project.root / "photos",
        **CHOICES,
    )
    own, called = told(project.root / PAGE), told(made.page)
    assert SECONDS.search((project.root / PAGE).read_text(encoding="utf-8"))
    assert own[1:] == called[1:]
    assert own[0] == called[0]
    assert [name for name, _ in made.result.unreadable] == ["notes.txt"]
    assert f"pool, who {made.result.attackers[1].words}: {made.recognised['pool']} of 6" in (
        repr(made)
    )


def test_only_the_owner_may_look(project):
    place = project.root / "results/audits"
    for suffix in (".html", ".csv", ".json"):
        assert stat.S_IMODE((place / f"mine{suffix}").stat().st_mode) == 0o600
    assert stat.S_IMODE((place / "mine").stat().st_mode) == 0o700
    assert (place / "mine/logs/images.log").exists()


def test_nothing_is_left_to_do(project):
    assert project.stale(PAGE) == set()
    assert project.stale("all") == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("words.py", "def ", "ADDED = True\n\n\ndef ", {"audit_page"}),
        ("attackers.py", "nothing but photos", "photos only", {"audit_page"}),
        ("attackers.py", '"pool": "pool-none"', '"pools": "pool"', set()),
        ("templates/audit.css", "}", "}\n", {"audit_page"}),
        ("recognition.py", "LIKELIEST = 16", "LIKELIEST = 15", {"audit_attack", "audit_page"}),
    ],
)
def test_an_edit_re_runs_what_it_must(spoilt, file, old, new, expected):
    path = f"instahide/auditing/{file}"
    spoilt.edit(path, old, new)
    assert spoilt.stale(PAGE) == expected


def test_a_stage_of_an_attack_re_runs_attacks_and_encrypts_nothing(spoilt):
    spoilt.edit(
        "instahide/attacks/unmixing/retrieval.py", "import numpy", "A = 1\nimport numpy"
    )
    assert spoilt.stale(PAGE) == {"audit_attack", "audit_page"}


def test_more_encryptions_leave_the_others(spoilt):
    spoilt.configure({"audits": {"mine": MINE | {"curve": [4, 2]}}})
    done = spoilt.run("--dry-run", PAGE)
    counts = dict(re.findall(r"^(audit_[a-z]+) +(\d+)$", done.stdout, re.MULTILINE))
    assert counts == {"audit_encrypt": "1", "audit_attack": "3", "audit_page": "1"}


def test_an_added_image_is_noticed_and_a_touch_is_none(spoilt):
    first = next((spoilt.root / "mine").glob("*/0.png"))
    first.touch()
    assert spoilt.stale(PAGE) == set()
    shutil.copy(first, first.with_name("copy.png"))
    steps = ("images", "photos", "encrypt", "attack", "page")
    assert spoilt.stale(PAGE) == {f"audit_{step}" for step in steps}


def test_an_image_that_is_replaced_by_one_of_its_size_is_noticed(tmp_path):
    (tmp_path / "scan.bmp").write_bytes(bytes(100_000))
    before = own_inventory(tmp_path)
    (tmp_path / "scan.bmp").write_bytes(b"\1" + bytes(99_999))
    assert own_inventory(tmp_path) != before
    (tmp_path / "scan.bmp").write_bytes(bytes(99_999) + b"\1")
    assert own_inventory(tmp_path) != before
    (tmp_path / "scan.bmp").write_bytes(bytes(100_000))
    assert own_inventory(tmp_path) == before
    (tmp_path / ".hidden").touch()
    assert own_inventory(tmp_path) != before  # the page names it


def said(project, *arguments):
    done = project.run("--dry-run", *arguments, check=False)
    assert done.returncode != 0
    return re.sub(r"\s+", " ", done.stdout + done.stderr)


def test_what_is_not_there_is_told_before_anything_runs(project):
    put = ("--config", "audits={mine: {images: nowhere}}")
    assert "audits/mine/images: nowhere does not exist: name a folder" in said(project, *put)
    put = ("--config", "audits={mine: {images: mine, public: nowhere}}")
    assert "audits/mine/public: nowhere does not exist" in said(project, *put)
    assert "mean 'results/audits/mine.html'" in said(project, "results/audits/mime.html")
    assert "nothing makes" in said(project, "results/audits/mine/rows-9/pool.npz")


def test_command_and_workflow_do_not_take_each_others_folders(spoilt):
    with pytest.raises(InstaHideError, match="an audit that a workflow made"):
        instahide.audit(spoilt.root / "mine", spoilt.root / PAGE, **CHOICES)
    plan = spoilt.root / "results/audits/mine/audit.json"
    plan.write_text("{}", encoding="utf-8")
    try:
        assert "holds an audit that `instahide audit` made" in said(spoilt, PAGE)
    finally:
        plan.unlink()


def test_the_configuration_that_comes_along_audits_photos_that_do(project):
    done = project.run("--dry-run", "--configfile", "config/audit.yaml", "--", PAGE)
    assert re.search(r"^samples +1$", done.stdout, re.MULTILINE)
    assert re.search(r"^audit_attack +9$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"most": 3}, "mean 'at_most'"),
        ({"k": 4.5}, "k: 4.5"),
        ({"images": "elsewhere"}, "unknown key 'images'"),
        ({"inside": True, "augment": True}, "no attack of this project"),
    ],
)
def test_choices_that_are_none_are_refused_from_python_too(tmp_path, wrong, message):
    with pytest.raises(InstaHideError, match=message):
        instahide.audit(tmp_path, tmp_path / "page.html", **wrong)
    assert not (tmp_path / "page").exists()
