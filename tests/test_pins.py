"""What the world has seen stays: a small challenge, bit for bit, and what attacks score on it.

Bytes are the same on every machine. What attacks recover depends on the last bits of the linear
algebra at hand, so scores are pinned within a thousandth. The images are made by integer
arithmetic, so that they are the same everywhere too.
"""

import hashlib
import json
import zipfile

import numpy as np
import pytest
import zarr

from instahide.challenge.folder import COMPANIONS
from instahide.cli import main
from instahide.files import load_npz, sha256_of_arrays, sha256_of_file
from instahide.pool.stores import put_array, put_names

SIDE, IMAGES, CLASSES = 16, 12, ("cat", "dog", "ship")
CROSS = ("--k", 4, "--c2", 0.4, "--rows-per-image", 50, "--seed", 3)
CHALLENGES = {
    "cross": CROSS,
    "inside": ("--scheme", "inside", "--k", 3, "--rows-per-image", 60, "--seed", 4),
    "prng": ("--generator", "mt19937-2020", *CROSS[:-1], 77),
    "dp": ("--encoding", "dp-instahide,k=3,noise=0.3,rows_per_image=25", "--seed", 6),
}
#: Those that mix private images only.
WITHOUT_POOL = ("inside", "dp")
RELEASED = ("encryption.npy", "label.npy", "challenge.json", *COMPANIONS)
#: What a manifest says of machine and format.
OTHERS = ("format_version", "commitment", "versions")
#: challenge -> SHA-256 of its files, of the truth's arrays and of what the manifest tells.
BYTES = {
    "cross": {
        "encryption.npy": "3142eaa079092cd5035031ceef49b0b4387f97898b091e2df066dd1cae81ee3a",
        "label.npy": "d2a98aefaf06a27dedee54f87d670fc1eea30291cde7381be560076d2e8eb3c2",
        "truth": "721c3900e0f417162d2cf0b894ee8e46ff2eb148b94d6c9d72d67e48b83d2af4",
        "told": "43a00846ad9e44b6ae459f5e289fd60c9aa88573aa88b15e19f513f2a1adf1f5",
    },
    "inside": {
        "encryption.npy": "df567f565ca81fe10600fb789b76e124f0d110852df17c8b1173d96c6cf6ad29",
        "label.npy": "9bbbf2a52ebed40b655773bcc12f4bf75b501f89aefcdc2d83e19d16caba46d0",
        "truth": "9fca1783ee934b071dce452125be66adaab516297f76c7fbcbb1c4ba16878a09",
        "told": "475382c00e4938541dc6cec3ad49a20ab2bd0871576f84b3aaced8a40f9ffff7",
    },
    "prng": {
        "encryption.npy": "93416be496d1086c54a43859353ee7fb92fd4afab0c463e96b6f8b91702d70ab",
        "label.npy": "b11d5f21da6ac392a59644104de6cd8593f096ce3952086418f757fd3a2e9634",
        "truth": "d11331ff3a786b41f2c04eb9e6ddeed9fd427eb8e50670d96b3d88cc58321ae2",
        "told": "283631221b452e3f7438239088e3c485d5640c243cf381a6c4af811945acee3a",
    },
    "dp": {
        "encryption.npy": "5c1004fcb97e4d1e726b5aec0086bb0f22cb15761cda8f691ced9d3512082607",
        "label.npy": "2baa390330acac1dc9fd9462b12124b352bc6deb698df022729aeceee67865fa",
        "truth": "da27d5a6f003cf3627749abd700a14b96382703e7a5c6b2d899c5c572fdbefe5",
        "told": "be916e1dbae0df2ad2cdc1eb478f39119be33675cf8c456f1e5ee840eb380127",
    },
}
#: challenge, attack -> Max_SSIM.
SCORES = {
    ("cross", "whitened"): 0.9793,
    ("cross", "whitened-classes"): 0.9707,
    ("cross", "whitened-none"): 0.9724,
    ("cross", "pool"): 1.0000,
    ("inside", "whitened-inside"): 0.9219,
    ("prng", "prng"): 0.9999,
    ("dp", "whitened-dp"): 0.9789,
}


def photos(seed, count):
    """Smooth colour images, uint8 (count, 16, 16, 3), darker than grey in the mean."""
    noise = np.random.default_rng(seed).integers(0, 2**16, (count, SIDE, SIDE, 3))
    for _ in range(6):
        for axis in (1, 2):
            noise = (np.roll(noise, 1, axis) + 2 * noise + np.roll(noise, -1, axis)) // 4
    noise += noise.mean(axis=3, keepdims=True, dtype=np.int64)
    return np.clip((noise - 2**16) // 64 + 100, 0, 255).astype(np.uint8)


def save_pool(path, patches):
    group = zarr.open_group(path, mode="w")
    put_array(group, "patches", patches)
    put_array(group, "boxes", np.zeros((len(patches), 4), np.int32))
    put_array(group, "photo", np.zeros(len(patches), np.int32))
    put_array(group, "keypoints", np.full(len(patches), 41, np.int32))
    put_names(group, "photos", ["a.jpg"])


def run(*arguments):
    with pytest.raises(SystemExit, match=r"^0$"):
        main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Small challenges, and photos of the attacker's own."""
    root = tmp_path_factory.mktemp("pins")
    classes = np.arange(IMAGES) * len(CLASSES) // IMAGES
    arrays = {"images": photos(1, IMAGES), "classes": classes, "class_names": np.array(CLASSES)}
    np.savez(root / "set.npz", **arrays)
    save_pool(root / "pool.zarr", photos(2, 300))
    save_pool(root / "others.zarr", photos(3, 1000))
    for name, options in CHALLENGES.items():
        public = () if name in WITHOUT_POOL else ("--public", root / "pool.zarr")
        run("encrypt", "--private", root / "set.npz", *public, "--out", root / name, *options)
    return root


@pytest.mark.parametrize("name", CHALLENGES)
def test_a_challenge_has_the_bytes_that_it_always_had(folder, name):
    made = folder / name
    found = {file: sha256_of_file(made / file) for file in ("encryption.npy", "label.npy")}
    truth = load_npz(made / "secret/truth.npz", ["pairs", "public", "coefficients"])
    found["truth"] = sha256_of_arrays(truth)
    about = json.loads((made / "challenge.json").read_text(encoding="utf-8"))
    told = {key: about[key] for key in sorted(about) if key not in OTHERS}
    found["told"] = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    assert found == BYTES[name]
    with zipfile.ZipFile(made / "release.zip") as archive:
        assert archive.namelist() == [f"challenge/{file}" for file in RELEASED]
        for file in RELEASED:
            assert archive.read(f"challenge/{file}") == (made / file).read_bytes()


@pytest.mark.parametrize(("name", "attack", "options"), [
    ("cross", "whitened", ("--public-sample", "others.zarr")),
    ("cross", "whitened-classes", ("--public-sample", "others.zarr")),
    ("cross", "whitened-none", ("--public-sample", "others.zarr")),
    ("cross", "pool", ("--pool", "pool.zarr")),
    ("inside", "whitened-inside", ("--public-sample", "others.zarr")),
    ("prng", "prng", ("--seed", "77")),
    ("dp", "whitened-dp", ("--public-sample", "others.zarr")),
])  # fmt: skip
def test_an_attack_scores_what_it_always_scored(
    folder, name, attack, options, capsys, tmp_path
):
    option, value = options
    value = folder / value if value.endswith(".zarr") else value
    run("attack", attack, folder / name, option, value, "--out", tmp_path / attack)
    capsys.readouterr()
    run("score", tmp_path / attack / "decryption.npy", folder / name, "--json")
    score = json.loads(capsys.readouterr().out)["max_ssim"]["mean"]
    assert score == pytest.approx(SCORES[name, attack], abs=1e-3)
