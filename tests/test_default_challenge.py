"""The challenge that everybody gets has the bytes that the pages quote."""

import re
import zipfile
from pathlib import Path

import pytest
import yaml

from instahide.challenge.making import make_challenge
from instahide.challenge.selection import select_private
from instahide.config import check_config, encoding_of
from instahide.files import sha256_of_file
from instahide.photos.listing import list_photos
from instahide.photos.part import part_of
from instahide.photos.samples import save_samples
from instahide.pool.build import build_pool
from instahide.pool.crops import CropSettings
from instahide.randomness.keystream import Key
from instahide.schema import load_schema

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
ENCRYPTION = "e13e41e56e80e40e7330dcd6579431d4fc6bb0a2e180218a931b2b6baea2cb0c"
LABEL = "c73c3dfbdcab16f337f1fba17395a37fc98ff86e5f134384e9f186c5dc32ccc3"


@pytest.fixture(scope="module")
def challenge(tmp_path_factory):
    """The default challenge, made by the functions of the workflow's jobs."""
    config = check_config(
        yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8")), load_schema()
    )
    folder = tmp_path_factory.mktemp("default")
    public, private, made = (
        config["public"]["bundled"],
        config["private"]["bundled"],
        config["challenges"]["challenge"],
    )
    save_samples(folder / "public", folder / "private")
    build_pool(
        folder / "pool.zarr",
        part_of(list_photos(folder / "public"), public["part"]),
        Key.from_seed(public["seed"]),
        CropSettings(public["crops_per_photo"], *public["crop_size"]),
        more_than=public["key_points"],
        size=config["image"]["size"],
        threads=2,
    )
    select_private(
        folder / "set.npz",
        folder / "private",
        Key.from_seed(private["seed"]),
        count=private["images"],
        **config["image"],
    )
    return make_challenge(
        folder / "challenge",
        folder / "set.npz",
        folder / "pool.zarr",
        Key.from_seed(made["seed"]),
        encoding_of(made),
        threads=2,
    )


def test_the_encryptions_are_those_whose_digest_is_quoted(challenge):
    text = (ROOT / "docs/explanation/seeds.md").read_text(encoding="utf-8")
    assert re.findall(r"\b[0-9a-f]{64}\b", text) == [ENCRYPTION]
    assert sha256_of_file(challenge.encryption) == ENCRYPTION


def test_the_labels_never_change_either(challenge):
    assert sha256_of_file(challenge.label) == LABEL


def test_the_release_has_three_files(challenge):
    with zipfile.ZipFile(challenge.release) as archive:
        names = sorted(Path(name).name for name in archive.namelist())
    assert names == ["challenge.json", "encryption.npy", "label.npy"]
