"""Croissant metadata of a release: digests and sizes are true, and a reader takes it."""

import hashlib
import json
import os
import shutil
import zipfile

import pytest
from smallchallenge import make_small

from instahide.cli import main
from instahide.hosting.croissant import CONFORMS_TO

TOLD = {
    "--url": "https://example.org/challenge",
    "--licence": "https://creativecommons.org/licenses/by/4.0/",
    "--creator": "Somebody",
    "--published": "2027-01-31",
}


def run(*arguments, **changed):
    told = TOLD | {f"--{name}": value for name, value in changed.items()}
    options = [part for option in told.items() for part in option]
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in ("croissant", *arguments, *options)])
    return caught.value.code


@pytest.fixture(scope="module")
def challenge(tmp_path_factory):
    """A challenge with its metadata beside the release, and without its secrets."""
    folder, *_ = make_small(tmp_path_factory.mktemp("croissant"))
    shutil.rmtree(folder / "secret")
    assert run(folder) == 0
    return folder


@pytest.fixture
def metadata(challenge):
    return json.loads((challenge / "croissant.json").read_text(encoding="utf-8"))


def test_every_released_file_has_its_digest_and_size(challenge, metadata):
    archive, *inside = metadata["distribution"]
    assert archive["contentUrl"] == "release.zip"
    content = (challenge / "release.zip").read_bytes()
    assert archive["sha256"] == hashlib.sha256(content).hexdigest()
    assert archive["contentSize"] == f"{len(content)} B"
    with zipfile.ZipFile(challenge / "release.zip") as packed:
        assert [file["contentUrl"] for file in inside] == packed.namelist()
        for file in inside:
            content = packed.read(file["contentUrl"])
            assert file["containedIn"] == {"@id": archive["@id"]}
            assert file["sha256"] == hashlib.sha256(content).hexdigest()
            assert file["contentSize"] == f"{len(content)} B"


def test_what_a_search_asks_for_is_told(challenge, metadata):
    assert metadata["conformsTo"] == CONFORMS_TO
    assert metadata["name"] == "InstaHide challenge: challenge"
    assert metadata["license"] == TOLD["--licence"]
    assert "120 encryptions of 12 private images" in metadata["description"]
    assert "shape (120, 8, 8, 3)" in metadata["distribution"][1]["description"]
    cited = "Somebody, InstaHide challenge: challenge, 2027, https://example.org/challenge"
    assert metadata["citeAs"] == cited
    names = [record["classes/name"] for record in metadata["recordSet"][0]["data"]]
    assert names == ["a", "b", "c"]


def test_an_address_of_the_release_can_be_told(challenge, tmp_path):
    out = tmp_path / "c.json"
    assert run(challenge, "--out", out, download="https://example.org/release.zip") == 0
    told = json.loads(out.read_text(encoding="utf-8"))
    assert told["distribution"][0]["contentUrl"] == "https://example.org/release.zip"


def test_a_croissant_reader_takes_it_without_a_warning(challenge):
    mlcroissant = pytest.importorskip("mlcroissant", reason="make test-croissant has it")
    found = mlcroissant.Dataset(jsonld=os.fspath(challenge / "croissant.json"))
    issues = found.metadata.ctx.issues
    assert not issues.errors and not issues.warnings
    assert [record["classes/name"] for record in found.records("classes")] == ["a", "b", "c"]
    files = {file.id: file for file in found.metadata.distribution}
    assert files["encryption.npy"].encoding_formats == ["application/x-npy"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"url": "example.org"}, "is not an address"),
        ({"download": "ftp://x"}, "is not an address"),
        ({"published": "yesterday"}, "is no date"),
        ({"creator": " "}, "the creator ' ' is not a line of text"),
        ({"title": "a\nb"}, "is not a line of text"),
        ({"number": "1"}, "is not of the form 1.0.0"),
    ],
)
def test_what_cannot_be_told(challenge, tmp_path, capsys, changed, says):
    assert run(challenge, "--out", tmp_path / "c.json", **changed) == 2
    assert says in capsys.readouterr().err and not (tmp_path / "c.json").exists()


def test_a_missing_file_is_named(challenge, tmp_path, capsys):
    copy = shutil.copytree(challenge, tmp_path / "copy")
    (copy / "label.npy").unlink()
    assert run(copy, "--out", tmp_path / "c.json") == 2
    assert "label.npy does not exist" in capsys.readouterr().err
