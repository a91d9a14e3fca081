"""The disclosure: who has nothing else can check a challenge, and finds what was changed."""

import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from smallchallenge import make_small

from instahide.challenge.making import make_challenge
from instahide.challenge.private import load_private, save_private
from instahide.cli import main
from instahide.codehash import PACKAGE
from instahide.encodings.choice import of_scheme
from instahide.encodings.instahide.scheme import Scheme
from instahide.labelled import LabelledImages
from instahide.placing import files_below
from instahide.randomness.keystream import Key

RECIPE = "public: {mine: {source: {folder: photos}}}\n"
OF_ALL = {
    "README.md",
    "verify.py",
    "digests.txt",
    "challenge/challenge.json",
    "challenge/encryption.npy",
    "challenge/label.npy",
    "challenge/secret/seed",
    "challenge/secret/private.npz",
    "challenge/secret/truth.npz",
}


def run(*arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return caught.value.code


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A challenge, its disclosures, and the package as somebody has installed it."""
    root = tmp_path_factory.mktemp("disclosure")
    challenge, pool, _ = make_small(root)
    (root / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    recipe = "--recipe", root / "mine.yaml"
    assert run("disclose", challenge, "--out", root / "told", *recipe) == 0
    with_pool = "--public", pool, "--with-pool"
    assert run("disclose", challenge, "--out", root / "whole.zip", *with_pool) == 0
    shutil.copytree(PACKAGE, root / "site/instahide")
    return root


@pytest.fixture
def told(made, tmp_path):
    """A copy of the disclosure without pool, in a place of its own."""
    return shutil.copytree(made / "told", tmp_path / "told")


def verify(made, place, *options):
    """Run `verify.py` as somebody who has the folder and the installed package alone."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(made / "site"), "LANG": "C.UTF-8"}
    return subprocess.run(
        [sys.executable, "verify.py", *map(str, options)], cwd=place, env=env,
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def names(folder):
    return {str(name) for name in files_below(folder)}


def test_without_the_pool_all_but_the_encryptions_is_made_again(made, told):
    assert names(told) == OF_ALL | {"recipe/mine.yaml"}
    done = verify(made, told, "--release", made / "challenge/release.zip")
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("verified without the pool: ") and "were not" in last
    assert "label.npy" in done.stdout and "public pool" not in done.stdout


def test_with_the_pool_everything_is(made, told):
    done = verify(made, told, "--pool", made / "pool.zarr")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("note: no --release")
    assert done.stdout.endswith("is what these inputs make, bit for bit\n")
    done = verify(made, told, "--pool", made / "others.zarr")
    assert done.returncode == 1 and "is not the pool of the challenge" in done.stdout


def test_an_archive_with_the_pool_needs_nothing_else(made, tmp_path):
    with zipfile.ZipFile(made / "whole.zip") as archive:
        archive.extractall(tmp_path)
    place = tmp_path / "whole"
    found = {name for name in names(place) if not name.startswith("pool.zarr/")}
    assert found == OF_ALL and (place / "pool.zarr/zarr.json").is_file()
    done = verify(made, place, "--release", made / "challenge/release.zip")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("is what these inputs make, bit for bit\n")


@pytest.mark.parametrize("file", sorted(OF_ALL - {"digests.txt"}))
def test_a_changed_byte_is_found_and_its_file_named(made, told, file):
    content = bytearray((told / file).read_bytes())
    if file == "verify.py":  # which is to run
        content += b"\n"
    else:
        content[len(content) // 2] ^= 1
    (told / file).write_bytes(content)
    done = verify(made, told)
    assert done.returncode == 1
    assert f"{file} is not what was disclosed" in done.stdout
    assert done.stderr == "not verified: files differ\n"


def test_a_missing_file_is_found(made, told):
    (told / "challenge/label.npy").unlink()
    done = verify(made, told)
    assert done.returncode == 1 and "challenge/label.npy is missing" in done.stdout


def renew(told, *files):
    """Write digests that fit what somebody has changed."""
    lines = (told / "digests.txt").read_text(encoding="utf-8").splitlines()
    done = subprocess.run(["sha256sum", *files], cwd=told, capture_output=True, text=True,
                          encoding="utf-8", check=True)  # fmt: skip
    kept = [line for line in lines if line.partition("  ")[2] not in files]
    (told / "digests.txt").write_text("\n".join(kept) + "\n" + done.stdout, encoding="utf-8")


def test_another_private_set_does_not_open_the_commitment(made, told):
    path = told / "challenge/secret/private.npz"
    private = load_private(path)
    images = private.images.copy()
    images[3, 0, 0, 0] ^= 1
    save_private(path, LabelledImages(images, private.classes, private.class_names))
    renew(told, "challenge/secret/private.npz")
    done = verify(made, told)
    assert done.returncode == 1 and "is not the private set committed to" in done.stdout


def test_another_seed_does_not_open_the_commitment(made, told):
    (told / "challenge/secret/seed").write_text("2\n", encoding="utf-8")
    renew(told, "challenge/secret/seed")
    done = verify(made, told)
    assert done.returncode == 1 and "is not the seed committed to" in done.stdout


def test_another_truth_is_told(made, told):
    path = told / "challenge/secret/truth.npz"
    with np.load(path) as arrays:
        parts = dict(arrays)
    parts["pairs"][7] = parts["pairs"][7, ::-1]
    np.savez(path, **parts)
    renew(told, "challenge/secret/truth.npz")
    done = verify(made, told)
    assert done.returncode == 1
    assert "members: 1 of 120 rows differ, the first is 7" in done.stdout


def test_another_encryption_is_told_with_and_without_the_pool(made, told):
    path = told / "challenge/encryption.npy"
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    renew(told, "challenge/encryption.npy")
    done = verify(made, told)
    assert done.returncode == 1
    assert "has another digest than challenge.json says" in done.stdout
    done = verify(made, told, "--pool", made / "pool.zarr")
    assert done.returncode == 1 and "1 of 120 rows differ" in done.stdout


def test_another_challenge_than_the_one_that_was_released_is_told(made, told, tmp_path):
    """Everything fits, and was made by another seed: only the release gives it away."""
    private = LabelledImages(
        load_private(made / "set.npz").images, np.arange(12) // 4, ("a", "b", "c")
    )
    save_private(tmp_path / "set.npz", private)
    scheme = of_scheme(Scheme(k=4, c2=0.4, rows_per_image=10))
    made_again = tmp_path / "challenge"
    make_challenge(
        made_again, tmp_path / "set.npz", made / "pool.zarr", Key.from_seed(2), scheme
    )
    out = tmp_path / "out"
    assert run("disclose", made_again, "--out", out, "--recipe", made / "mine.yaml") == 0
    assert verify(made, out).returncode == 0
    done = verify(made, out, "--release", made / "challenge/release.zip")
    assert done.returncode == 1
    for name in ("challenge.json", "encryption.npy"):
        assert f"challenge/{name} is not the one in " in done.stdout


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18)])
def test_a_release_that_is_none_is_told(made, told, tmp_path, content):
    (tmp_path / "mine.zip").write_bytes(content)
    done = verify(made, told, "--release", tmp_path / "mine.zip")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "mine.zip" in done.stdout


def test_who_lacks_the_package_is_told_what_to_install(told):
    done = subprocess.run(
        [sys.executable, "-S", "verify.py"], cwd=told, env={"PATH": os.environ["PATH"]},
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("the package is missing") and "pip install" in done.stderr


def test_a_challenge_without_pool_needs_no_recipe(made, tmp_path):
    scheme = of_scheme(Scheme("inside", k=3, rows_per_image=10))
    make_challenge(tmp_path / "in", made / "set.npz", None, Key.from_seed(3), scheme)
    assert run("disclose", tmp_path / "in", "--out", tmp_path / "out") == 0
    assert names(tmp_path / "out") == OF_ALL
    text = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "public images" not in text and "--pool" not in text
    done = verify(made, tmp_path / "out")
    assert done.returncode == 0 and done.stdout.endswith("bit for bit\n")


def test_names_of_private_files_are_not_disclosed(made, tmp_path):
    challenge = shutil.copytree(made / "challenge", tmp_path / "named")
    path = challenge / "secret/private.npz"
    private = load_private(path)
    files = tuple(f"anna/{number}.png" for number in range(12))
    named = LabelledImages(private.images, private.classes, private.class_names, files)
    save_private(path, named)
    recipe = "--recipe", made / "mine.yaml"
    assert run("disclose", challenge, "--out", tmp_path / "out", *recipe) == 0
    assert load_private(tmp_path / "out/challenge/secret/private.npz").files == ()
    assert verify(made, tmp_path / "out").returncode == 0


def test_the_readme_says_what_to_do(made, told):
    text = (told / "README.md").read_text(encoding="utf-8")
    assert "python verify.py --release my-release.zip --pool pool.zarr\n" in text
    assert "pip install instahide==" in text and "recipe/mine.yaml" in text
    for name in OF_ALL - {"README.md", "challenge/encryption.npy", "challenge/label.npy"}:
        assert f"`{name}`" in text


# What is refused.


@pytest.mark.parametrize(
    "file",
    ["challenge.json", "label.npy", "encryption.npy", "secret/seed", "secret/truth.npz",
     "secret/private.npz"],
)  # fmt: skip
def test_nothing_is_disclosed_without_a_file_that_is_named(made, tmp_path, capsys, file):
    challenge = shutil.copytree(made / "challenge", tmp_path / "challenge")
    (challenge / file).unlink()
    recipe = "--recipe", made / "mine.yaml"
    assert run("disclose", challenge, "--out", tmp_path / "out", *recipe) == 2
    assert f"{file} does not exist" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_does_not_verify_is_not_disclosed(made, tmp_path, capsys):
    challenge = shutil.copytree(made / "challenge", tmp_path / "challenge")
    (challenge / "secret/seed").write_text("9\n", encoding="utf-8")
    recipe = "--recipe", made / "mine.yaml"
    assert run("disclose", challenge, "--out", tmp_path / "out", *recipe) == 2
    told = capsys.readouterr().err
    assert "does not verify" in told and "is not the seed committed to" in told
    assert not (tmp_path / "out").exists()


def test_a_pool_is_told_how_to_make_or_published(made, tmp_path, capsys):
    out = tmp_path / "out"
    challenge = made / "challenge"
    assert run("disclose", challenge, "--out", out) == 2
    assert "say with --recipe CONFIG.yaml how the pool is made" in capsys.readouterr().err
    assert run("disclose", challenge, "--out", out, "--public", made / "pool.zarr") == 2
    assert run("disclose", challenge, "--out", out, "--with-pool") == 2
    assert "name it with --public" in capsys.readouterr().err
    others = "--public", made / "others.zarr", "--with-pool"
    assert run("disclose", challenge, "--out", out, *others) == 2
    assert "is not the pool of the challenge" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"url: s3://me:secret@store/x\n", "an address with a password"),
        (b"\xff\xfe", "is no text"),
        (b"#" * (1 << 20) + b"\n", "is not a configuration"),
    ],
)
def test_a_recipe_that_is_none(made, tmp_path, capsys, content, says):
    (tmp_path / "r.yaml").write_bytes(content)
    recipe = "--recipe", tmp_path / "r.yaml"
    assert run("disclose", made / "challenge", "--out", tmp_path / "out", *recipe) == 2
    assert says in capsys.readouterr().err


def test_a_folder_with_something_in_it_is_left_alone(made, tmp_path, capsys):
    (tmp_path / "mine").write_text("x", encoding="utf-8")
    recipe = "--recipe", made / "mine.yaml"
    assert run("disclose", made / "challenge", "--out", tmp_path, *recipe) == 2
    assert "holds mine" in capsys.readouterr().err
