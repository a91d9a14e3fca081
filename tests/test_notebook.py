"""The notebook runs from top to bottom, verifies what it makes, and makes it again."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from instahide.files import sha256_of_file

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "gen_data.ipynb"
QUICK = {"CROPS_PER_PHOTO": 6, "IMAGES": 20, "ROWS_PER_IMAGE": 3, "SEED": 7}


def run(**parameters):
    """Execute the notebook with other parameters, put behind its own."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    cells = notebook.cells
    (place,) = (
        i for i, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", ())
    )
    source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cells.insert(place + 1, nbformat.v4.new_code_cell(source))
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    return notebook


def texts(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return "".join(output.get("text", "") for output in outputs)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    folders = [tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")]
    return folders, [
        run(OUT=str(folder), THREADS=threads, **QUICK)
        for folder, threads in zip(folders, (1, 2), strict=True)
    ]


def test_it_is_committed_without_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_its_challenge_is_verified(twice):
    for notebook in twice[1]:
        assert "\nverified: the challenge is what these inputs make" in texts(notebook)


def test_two_runs_give_the_same_bytes(twice):
    for name in ("encryption.npy", "label.npy", "release.zip"):
        one, other = (sha256_of_file(folder / "challenge" / name) for folder in twice[0])
        assert one == other


def test_it_shows_pictures(twice):
    outputs = [output for cell in twice[1][0].cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", ()) for output in outputs) == 5
