"""A challenge as a folder: made, described, released, verified."""

import hmac
import json
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zarr

from instahide.challenge.folder import ChallengeFolder, save_release
from instahide.challenge.making import make_challenge
from instahide.challenge.manifest import commit, load_manifest, released
from instahide.challenge.private import private_digest, save_private
from instahide.challenge.verification import verify_files
from instahide.encodings.catalogue import told_by
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.files import save_json, save_npy
from instahide.randomness.keystream import Key

KEY = Key.parse("hex:" + "5a" * 32)
SCHEME = Scheme("cross", rows_per_image=3)


@pytest.fixture
def challenge(files, tmp_path):
    return make_challenge(tmp_path / "challenge", *files, KEY, of_scheme(SCHEME))


def verdicts(folder, files, key=KEY):
    result = verify_files(folder, *files, key, of_scheme(SCHEME))
    return {check.name: check.verdict for check in result.checks}, result


def test_files_have_the_promised_shapes_and_rights(challenge):
    assert np.load(challenge.encryption).shape == (60, 8, 8, 3)
    assert np.load(challenge.label).shape == (60, 4)
    truth = np.load(challenge.truth)
    assert (truth["pairs"].shape, truth["public"].shape) == ((60, 2), (60, 4))
    assert truth["coefficients"].shape == (60, 6)
    secret = challenge.truth.parent
    assert stat.S_IMODE(secret.stat().st_mode) == 0o700
    assert {path.name for path in secret.iterdir()} == {"seed", "truth.npz", "private.npz"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secret.iterdir())


def test_the_manifest_describes_and_keeps_the_secret(challenge):
    text = challenge.manifest.read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert manifest["scheme"] == {
        "name": "cross",
        "k": 6,
        "c1": 0.65,
        "c2": 0.3,
        "rows_per_image": 3,
    }
    assert manifest["files"]["encryption.npy"]["shape"] == [60, 8, 8, 3]
    assert manifest["pool"]["patches"] == 50
    assert KEY.material.hex() not in text


def test_equal_sources_give_equal_bytes(challenge, files, tmp_path):
    again = make_challenge(tmp_path / "again", *files, KEY, of_scheme(SCHEME), threads=3)
    for path in sorted(challenge.path.rglob("*")):
        if path.is_file():
            other = again.path / path.relative_to(challenge.path)
            assert other.read_bytes() == path.read_bytes(), path


def test_the_release_holds_three_files_and_nothing_of_the_secret_folder(challenge):
    with zipfile.ZipFile(challenge.release) as archive:
        content = {Path(name).name: archive.read(name) for name in archive.namelist()}
    assert set(content) == {"encryption.npy", "label.npy", "challenge.json"}
    for name, data in content.items():
        assert data == (challenge.path / name).read_bytes()
    released = challenge.release.read_bytes()
    seed = challenge.seed.read_text(encoding="utf-8").strip().removeprefix("hex:")
    secrets = [
        seed.encode(),
        bytes.fromhex(seed),
        *(path.read_bytes()[:64] for path in challenge.truth.parent.glob("*.npz")),
        np.load(challenge.truth)["coefficients"].tobytes()[:64],
        np.load(challenge.private)["images"].tobytes()[:64],
    ]
    assert not any(secret in released for secret in secrets)


def test_the_release_is_byte_identical_when_rebuilt(challenge):
    first = challenge.release.read_bytes()
    challenge.release.unlink()
    save_release(challenge, released(load_manifest(challenge)))
    assert challenge.release.read_bytes() == first


def test_an_untouched_challenge_is_verified(challenge, files):
    names, result = verdicts(challenge, files)
    assert result.passed
    assert set(names.values()) == {"identical"}
    assert "bit for bit" in result.as_text()


def test_verification_names_the_file_and_the_first_stage_that_differs(challenge, files):
    encryption = np.load(challenge.encryption)
    encryption[7, 0, 0, 0] += 0.25
    save_npy(challenge.encryption, encryption)
    names, result = verdicts(challenge, files)
    assert names["encryption.npy"].startswith("1 of 60 rows differ, the first is 7")
    assert "0.25" in names["encryption.npy"]
    assert names["label.npy"] == names["secret/truth.npz"] == "identical"
    assert names["release.zip"] == "holds another encryption.npy"
    assert "'encrypt'" in result.as_text()


def test_another_seed_private_set_or_pool_is_told(challenge, files, private, tmp_path):
    assert verdicts(challenge, files, Key.from_seed(1))[1].first.stage == "seed"
    other = tmp_path / "other.npz"
    save_private(
        other, type(private)(private.images[::-1].copy(), private.classes, private.class_names)
    )
    names, result = verdicts(challenge, (other, files[1]))
    assert result.first.stage == "private"
    assert names["secret/truth.npz"] == "identical"
    zarr.open_group(files[1])["patches"][0] = 0
    assert verdicts(challenge, files)[1].first.stage == "pool"


def test_lost_and_damaged_files_are_verdicts_not_crashes(challenge, files):
    challenge.label.unlink()
    challenge.encryption.write_bytes(challenge.encryption.read_bytes()[:999])
    challenge.release.write_bytes(b"PK nothing")
    names, result = verdicts(challenge, files)
    assert not result.passed
    assert "does not exist" in names["label.npy"]
    assert "not a readable .npy" in names["encryption.npy"]
    assert "damaged" in names["release.zip"]


def test_a_lost_chunk_of_the_pool_is_noticed(challenge, files):
    (files[1] / "patches" / "c" / "0" / "0" / "0" / "0").unlink()
    with pytest.raises(InstaHideError, match="lacks chunks"):
        verify_files(challenge, *files, KEY, of_scheme(SCHEME))


def test_other_json_is_no_manifest(tmp_path):
    folder = ChallengeFolder(tmp_path)
    for text, message in [
        ("{", "no JSON"),
        ("[]", "format version None"),
        ('{"format_version": 9}', "9"),
    ]:
        folder.manifest.write_text(text, encoding="utf-8")
        with pytest.raises(InstaHideError, match=message):
            load_manifest(folder)
    folder.manifest.unlink()
    with pytest.raises(InstaHideError, match="does not exist"):
        load_manifest(folder)


def test_commitments_bind_seed_and_private_set(private):
    base = commit(KEY, private)
    changed = type(private)(private.images ^ 1, private.classes, private.class_names)
    assert commit(KEY, changed)["seed"] == base["seed"]
    assert commit(KEY, changed)["private"] != base["private"]
    assert commit(Key.from_seed(0), private)["seed"] != base["seed"]


def test_a_commitment_is_a_keyed_hash_of_documented_bytes(challenge, private):
    told = load_manifest(challenge)["commitment"]
    digest = private_digest(private, 2)
    for name, message in (
        ("seed", "commitment seed"),
        ("private", f"commitment private {digest}"),
    ):
        expected = hmac.new(KEY.material, message.encode(), "sha256").hexdigest()
        assert told[name] == expected


def test_challenges_of_format_1_are_verified(challenge, files, private):
    # What the program wrote before class names were hashed with their lengths.
    old = json.loads(challenge.manifest.read_text(encoding="utf-8"))
    digest = private_digest(private, 1).encode()
    commitment = hmac.new(KEY.material, b"commitment private " + digest, "sha256").hexdigest()
    assert old["commitment"]["private"] != commitment
    old["commitment"]["private"], old["format_version"] = commitment, 1
    save_json(challenge.manifest, old)
    save_release(challenge, released(load_manifest(challenge)))
    assert verdicts(challenge, files)[1].passed
    old["format_version"] = 2
    save_json(challenge.manifest, old)
    assert verdicts(challenge, files)[1].first.stage == "private"


@pytest.mark.parametrize("name", ["inside", "mixup-inside"])
def test_inside_schemes_need_no_pool(files, tmp_path, name):
    folder = make_challenge(
        tmp_path / name, files[0], None, KEY, of_scheme(Scheme(name, k=4, rows_per_image=2))
    )
    assert np.allclose(np.load(folder.label).sum(axis=1), 1)
    assert load_manifest(folder)["pool"] is None
    assert verify_files(folder, files[0], None, KEY, told_by(load_manifest(folder))).passed
