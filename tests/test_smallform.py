"""The small form of a submission, bytes instead of floats, and what a platform has unpacked."""

import io
import json
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smallchallenge import QUICK, make_small
from test_submission import SHAPE, npy, npy_with, zipped

from instahide.challenge.private import load_private
from instahide.cli import main
from instahide.encodings.plan import load_plan
from instahide.errors import InstaHideError
from instahide.images import to_bytes, to_unit_range
from instahide.scoring.submission import read_submission, read_unpacked

PAGE = Path(__file__).parents[1] / "docs/hosting.md"
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, *SHAPE[1:]), dtype=np.uint8)
MEMBERS = np.array([[0, 1], [2, 1], [1, 0], [2, 0]])
EXPECTED = to_unit_range(IMAGES[[0, 2, 1, 2]])


def small(images=IMAGES, members=MEMBERS, **others):
    parts = {"images.npy": images, "members.npy": members}
    files = [(n, a if isinstance(a, bytes) else npy(a)) for n, a in parts.items()]
    return zipped([*files, *others.items()])


@pytest.fixture
def read(tmp_path):
    def read(content, name="theirs.zip", shape=SHAPE):
        (tmp_path / name).write_bytes(content)
        return read_submission(tmp_path / name, shape=shape).decryption

    return read


def refused(read, content, says):
    with pytest.raises(InstaHideError, match=f"(?s)theirs.*{says}|{says}.*theirs") as caught:
        read(content)
    assert "\n" not in str(caught.value)


# Bytes.


@pytest.mark.parametrize("order", ["C", "F"])
def test_bytes_are_the_images_that_they_are_everywhere(read, order):
    decryption = RNG.integers(0, 256, SHAPE, dtype=np.uint8)
    content = npy(np.asarray(decryption, order=order))
    np.testing.assert_array_equal(read(content, "theirs.npy"), to_unit_range(decryption))
    content = zipped([("decryption.npy", content)])
    np.testing.assert_array_equal(read(content), to_unit_range(decryption))


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (255, 255)])
def test_bytes_that_a_cast_has_emptied_are_told(read, values):
    content = npy(np.resize(np.array(values, np.uint8), SHAPE))
    with pytest.raises(InstaHideError, match=r"every byte is 0, 1 or 255: .*numpy\.rint"):
        read(content, "theirs.npy")


# Images and members.


@pytest.mark.parametrize("dtype", ["|u1", "|i1", "<u2", ">i2", "<i4", ">u4", "<i8", ">i8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_each_row_hands_in_the_first_of_its_images(read, dtype, order):
    members = np.asarray(MEMBERS, dtype, order=order)
    np.testing.assert_array_equal(read(small(members=members)), EXPECTED)


@pytest.mark.parametrize("members", [MEMBERS[:, 0], MEMBERS[:, :1], np.repeat(MEMBERS, 3, 1)])
def test_one_image_a_row_or_several(read, members):
    np.testing.assert_array_equal(read(small(members=members)), EXPECTED)


def test_images_may_be_floats(read):
    images = to_unit_range(IMAGES).astype(np.float64)
    np.testing.assert_array_equal(read(small(images)), EXPECTED)


def test_a_decryption_goes_before_the_small_form(read):
    whole = RNG.uniform(-1, 1, SHAPE).astype(np.float32)
    content = small(**{"decryption.npy": npy(whole)})
    np.testing.assert_array_equal(read(content), whole)


def test_one_file_of_the_two_is_not_enough(read):
    for name, array in (("images.npy", IMAGES), ("members.npy", MEMBERS)):
        refused(read, zipped([(name, npy(array))]), "no files named decryption.npy")
    refused(read, small(**{"old/images.npy": b"x"}), "2 files named images.npy")


@pytest.mark.parametrize(
    ("images", "members", "says"),
    [
        (IMAGES, MEMBERS[:3], r"shape \(3, 2\); give each of the 4"),
        (IMAGES, MEMBERS.T, r"shape \(2, 4\)"),
        (IMAGES, np.zeros((4, 65), int), r"shape \(4, 65\)"),
        (IMAGES, np.zeros((4, 0), int), r"shape \(4, 0\)"),
        (IMAGES, np.int64(1), r"shape \(\)"),
        (IMAGES, MEMBERS.astype(float), "type '<f8'; convert it to int64"),
        (IMAGES, MEMBERS == 1, "convert it to int64"),
        (IMAGES, MEMBERS + 1, r"names the images \[3, 2\] in row 1; images.npy holds 3"),
        (IMAGES, MEMBERS - 1, r"names the images \[-1, 0\] in row 0"),
        (IMAGES, MEMBERS.astype(np.uint64) + 2**63, r"names the images \[-"),
        (IMAGES.transpose(0, 3, 1, 2), MEMBERS, "channels last"),
        (IMAGES[0], MEMBERS, "recovered images are expected"),
        (IMAGES[:0], MEMBERS, "holds 0 images; 1 to 4"),
        (np.repeat(IMAGES, 2, 0), MEMBERS, "holds 6 images; 1 to 4"),
        (IMAGES.astype(np.int16), MEMBERS, "holds the type '<i2'"),
        (IMAGES // 255, MEMBERS, "every byte is 0, 1 or 255"),
        (npy(IMAGES)[:-1], MEMBERS, "incomplete or damaged"),
        (npy(IMAGES), npy(MEMBERS) + b"x", "incomplete or damaged"),
        (b"PK\x03\x04", MEMBERS, "ends too early"),
        (bytes(1 << 16), MEMBERS, "claims 65536 bytes"),
        (IMAGES, bytes(1 << 16), "claims 65536 bytes"),
        (npy_with("{'descr': '|O', 'fortran_order': False, 'shape': (3, 8, 8, 3), }"),
         MEMBERS, "holds the type"),
    ],
)  # fmt: skip
def test_other_arrays(read, images, members, says):
    refused(read, small(images, members), says)


def test_arrays_beside_a_decryption_are_bound_like_all_else(read):
    whole = npy(np.zeros(SHAPE, np.float32))
    content = small(bytes(3 << 20), **{"decryption.npy": whole})
    refused(read, content, "'images.npy', which grows more than 200 times")


def test_a_zip_that_claims_much_takes_little(read):
    shape = (5000, 32, 32, 3)
    members = np.zeros((5000, 2), np.int64)
    content = small(np.zeros((5001, 32, 32, 3), np.uint8), members)
    tracemalloc.start()
    with pytest.raises(InstaHideError, match="holds 5001 images; 1 to 5000"):
        read(content, shape=shape)
    assert tracemalloc.get_traced_memory()[1] < 3 << 20
    tracemalloc.stop()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_anything_is_an_array_or_one_sentence(tmp_path_factory, data):
    content = bytearray(small())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "mutated.zip"
    path.write_bytes(content)
    try:
        assert read_submission(path, shape=SHAPE).decryption.shape == SHAPE
    except InstaHideError as error:
        assert "\n" not in str(error)


# What a platform has unpacked.


def unpacked(folder, content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
    return folder


def test_unpacked_submissions_are_what_they_were(tmp_path):
    found = read_unpacked(unpacked(tmp_path / "a", small(readme=b"x")), shape=SHAPE)
    np.testing.assert_array_equal(found.decryption, EXPECTED)
    assert found.members == ("images.npy", "members.npy", "readme")
    whole = zipped([("mine/decryption.npy", npy(EXPECTED))])
    found = read_unpacked(unpacked(tmp_path / "b", whole), shape=SHAPE)
    np.testing.assert_array_equal(found.decryption, EXPECTED)


def test_unpacked_links_are_not_followed(tmp_path):
    np.save(tmp_path / "secret.npy", EXPECTED)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/decryption.npy").symlink_to(tmp_path / "secret.npy")
    with pytest.raises(InstaHideError, match=r"no files named decryption\.npy"):
        read_unpacked(tmp_path / "sub", shape=SHAPE)


def test_a_zip_in_a_zip_is_told(tmp_path):
    unpacked(tmp_path / "sub", zipped([("mine.zip", small())]))
    with pytest.raises(InstaHideError, match="holds another zip"):
        read_unpacked(tmp_path / "sub", shape=SHAPE)


def test_many_files_are_refused(tmp_path):
    (tmp_path / "sub").mkdir()
    for number in range(1001):
        (tmp_path / f"sub/{number}").touch()
    with pytest.raises(InstaHideError, match="more than 1000 files"):
        read_unpacked(tmp_path / "sub", shape=SHAPE)


# As it is scored.


def score(path, challenge, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["score", str(path), str(challenge), "--json"])
    return json.loads(capsys.readouterr().out)


def test_what_an_attack_leaves_becomes_small_as_the_page_says(tmp_path, capsys, monkeypatch):
    """docs/hosting.md"""
    challenge, _, others = make_small(tmp_path)
    arguments = ["attack", "whitened", challenge, "--public-sample", others, *QUICK]
    with pytest.raises(SystemExit, match=r"^0$"):
        main([str(part) for part in [*arguments, "--out", tmp_path / "attack"]])
    monkeypatch.chdir(tmp_path)
    exec(PAGE.read_text(encoding="utf-8").split("```python\n")[1].partition("```")[0], {})
    (tmp_path / "small.zip").write_bytes(small(np.load("images.npy"), np.load("members.npy")))
    capsys.readouterr()
    whole = score(tmp_path / "attack/decryption.npy", challenge, capsys)
    found = score(tmp_path / "small.zip", challenge, capsys)
    for metric in ("max_ssim", "max_l2"):
        assert found[metric]["mean"] == pytest.approx(whole[metric]["mean"], abs=2e-3)


def test_both_forms_score_alike(tmp_path, capsys):
    challenge, *_ = make_small(tmp_path)
    images = load_private(challenge / "secret/private.npz").images
    pairs = load_plan(challenge / "secret/truth.npz").members
    noisy = to_unit_range(images) + RNG.normal(0, 0.2, images.shape)
    recovered = to_bytes(noisy.astype(np.float32))
    np.save(tmp_path / "whole.npy", to_unit_range(recovered)[pairs[:, 0]])
    (tmp_path / "small.zip").write_bytes(small(recovered, pairs))
    whole = score(tmp_path / "whole.npy", challenge, capsys)
    assert score(tmp_path / "small.zip", challenge, capsys) == whole
    assert 0.5 < whole["max_ssim"]["mean"] < 1
    assert (tmp_path / "small.zip").stat().st_size * 10 < (
        tmp_path / "whole.npy"
    ).stat().st_size
