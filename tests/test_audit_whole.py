import csv
import json
import stat
from dataclasses import replace

import cv2
import numpy as np
import pytest

from instahide.attacks.nothing import NothingToGoOn
from instahide.auditing import looking
from instahide.auditing.attackers import attack_on, attackers_of, attempt_of
from instahide.auditing.estimate import estimate_audit
from instahide.auditing.gathering import with_best_attacks
from instahide.auditing.publicpools import public_photos
from instahide.auditing.reading import Reading
from instahide.auditing.result import load_result
from instahide.auditing.settings import AuditSettings
from instahide.auditing.whole import run_audit
from instahide.errors import InstaHideError
from instahide.files import load_npz
from instahide.photos.samples import save_samples

SETTINGS = AuditSettings(rows_per_image=12)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """Six photos and what is no photo, audited with photos of one's own."""
    place = tmp_path_factory.mktemp("audit")
    save_samples(place / "public", place / "all")
    (place / "mine").mkdir()
    for number, file in enumerate(sorted((place / "all").glob("*/00.png"))[:6]):
        image = cv2.imread(str(file))
        cv2.imwrite(str(place / "mine" / f"größe {number}.png"), image[:, : 60 - number])
    (place / "mine" / "notes.txt.png").write_text("no picture", encoding="utf-8")
    before = {file.name: file.read_bytes() for file in (place / "mine").iterdir()}
    page = place / "out" / "page.html"
    given = {"reading": Reading(size=16), "public": place / "public"}
    result = run_audit(place / "mine", page, SETTINGS, **given)
    assert {file.name: file.read_bytes() for file in (place / "mine").iterdir()} == before
    return place, page, given, result


def test_an_audit_says_what_came_back(audited):
    _, page, _, result = audited
    assert len(result.files) == 6 and result.files[0] == "größe 0.png"
    assert [name for name, _ in result.unreadable] == ["notes.txt.png"]
    assert result.found["photos"].recognised.sum() >= 3
    counts = {one.attacker: one.recognised for one in result.points}
    assert counts["blind"] <= counts["photos"] <= counts["pool"]
    assert result.chance < 0.5
    assert "recognisably" in page.read_text(encoding="utf-8")


def test_only_the_owner_may_read_what_is_made(audited):
    _, page, *_ = audited
    for file in (page, page.with_suffix(".csv"), page.with_suffix(".json")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(page.with_suffix("").stat().st_mode) == 0o700


def test_the_table_and_the_json_say_the_same(audited):
    _, page, _, result = audited
    text = page.with_suffix(".csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 6 * len(result.attackers)
    told = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["files"] == list(result.files)


def test_what_was_found_is_kept(audited):
    _, page, _, result = audited
    kept = load_result(page.with_suffix("") / "result.npz")
    assert kept.told() == result.told()
    np.testing.assert_array_equal(kept.found["pool"].images, result.found["pool"].images)


def test_an_audit_goes_on_and_is_the_same(audited):
    place, page, given, _ = audited
    before = page.read_bytes()
    page.unlink()
    attacked = page.with_suffix("") / "rows-12" / "photos.npz"
    made = attacked.stat().st_mtime_ns
    run_audit(place / "mine", page, SETTINGS, **given)
    assert page.read_bytes() == before
    assert attacked.stat().st_mtime_ns == made


def test_the_attack_that_counted_is_told(audited):
    _, page, _, result = audited
    told = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    attacks = {one["attacker"]: one["attack"] for one in told["points"]}
    usual = {one.name: one.attack for one in result.attackers}
    # All are of one class: attacks by labels are replaced by those without.
    assert usual["photos"] == "whitened" and attacks["photos"] == "whitened-none"


@pytest.mark.parametrize(
    ("error", "says"), [(NothingToGoOn("2 rows are too few"), "2 rows"), (None, "")]
)
def test_only_rows_that_tell_nothing_count(audited, tmp_path, monkeypatch, error, says):
    _, page, *_ = audited
    work = page.with_suffix("")
    public = {"pool": work / "pool.zarr", "others": work / "others.zarr"}
    attempt = looking.Attempt.of(attempt_of(SETTINGS, "photos", 12))
    wanted = (tmp_path / "found.npz", work / "rows-12" / "challenge", attempt)

    def broken(*_, **__):
        raise error or InstaHideError("not enough memory")

    monkeypatch.setattr(looking, "recover", broken)
    if error is None:
        with pytest.raises(InstaHideError, match="not enough memory"):
            looking.save_found(*wanted, public)
        assert not wanted[0].exists()
    else:
        looking.save_found(*wanted, public)
        found = load_npz(wanted[0])
        assert not found["recognised"].any() and says in str(found["reason"])


def test_another_audit_is_not_mixed_with_it(audited):
    place, page, given, _ = audited
    with pytest.raises(InstaHideError, match="another name with --out"):
        run_audit(place / "mine", page, replace(SETTINGS, k=6), **given)
    with pytest.raises(InstaHideError, match=r"end in \.html"):
        run_audit(place / "mine", page.with_suffix(".htm"), SETTINGS, **given)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"k": 1}, "mix 2 to"),
        ({"rows_per_image": 0}, "make 1 or more"),
        ({"curve": (0,)}, "make 1 or more"),
        ({"threshold": 0}, "threshold"),
        ({"inside": True, "augment": True}, "no attack"),
    ],
)
def test_settings_that_cannot_be_audited_are_refused(wrong, message):
    with pytest.raises(InstaHideError, match=message):
        AuditSettings(**wrong)


def test_attackers_are_those_whom_the_encryptions_suit():
    names = [one.name for one in attackers_of(AuditSettings(k=2))]
    assert names == ["photos", "blind"]
    assert attack_on(AuditSettings(), "pool", 50) == "pool"
    assert attack_on(AuditSettings(), "pool", 2) == "single-labels"
    assert attack_on(AuditSettings(augment=True), "pool", 2) == "augmented-pool"


def test_who_knows_more_may_use_what_needs_less():
    def found(count, ssim):
        recognised = np.arange(4) < count
        return {"recognised": recognised, "ssim": np.full(4, ssim)}

    looked = {("photos", 5): found(1, 0.3), ("pool", 5): found(4, 0.9)}
    looked |= {("blind", 5): found(3, 0.7)}
    best = with_best_attacks(looked)
    assert best["photos", 5] is looked["blind", 5]
    assert best["pool", 5] is looked["pool", 5]


def test_the_attacker_has_other_photos_than_those_that_are_mixed_in():
    pool, others = public_photos(None).values()
    assert not {one.name for one in pool} & {one.name for one in others}


def test_more_is_estimated_to_take_longer():
    few, many = (estimate_audit(SETTINGS, count, (32, 32, 3)) for count in (50, 500))
    large = estimate_audit(SETTINGS, 50, (224, 224, 3))
    assert few.seconds < many.seconds and few.memory < many.memory < large.memory


@pytest.mark.parametrize("augment", [False, True])
def test_attackers_of_one_class_get_to_the_end(tmp_path, augment):
    # An attack that cannot be run without labels would end in an error.
    save_samples(tmp_path / "public", tmp_path / "all")
    (tmp_path / "mine").mkdir()
    for number, file in enumerate(sorted((tmp_path / "all").glob("*/00.png"))[:4]):
        (tmp_path / "mine" / f"{number}.png").write_bytes(file.read_bytes())
    settings = replace(SETTINGS, augment=augment, rows_per_image=8)
    given = {"reading": Reading(size=16), "public": tmp_path / "public"}
    result = run_audit(tmp_path / "mine", tmp_path / "page.html", settings, **given)
    assert {one.attacker for one in result.points} == {"photos", "pool", "blind"}
    assert all(one.attack.endswith("-none") for one in result.points)


@pytest.mark.parametrize("empty", [True, False])
def test_a_folder_that_cannot_be_audited_leaves_nothing_behind(tmp_path, empty):
    if empty:
        (tmp_path / "mine").mkdir()
    with pytest.raises(InstaHideError):
        run_audit(tmp_path / "mine", tmp_path / "new" / "out" / "page.html", SETTINGS)
    assert not (tmp_path / "new").exists()
    (tmp_path / "old" / "page").mkdir(parents=True)
    with pytest.raises(InstaHideError):
        run_audit(tmp_path / "mine", tmp_path / "old" / "page.html", SETTINGS)
    assert (tmp_path / "old" / "page").exists()
