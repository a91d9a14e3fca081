"""A challenge as a Codabench competition: a bundle of version 2 that takes results only.

The platform unpacks a submission, lays out ``/app/program``, ``/app/input/ref``,
``/app/input/res`` and ``/app/output``, and runs the command of ``metadata.yaml``. Whether the
container has a network is up to who runs the worker, so nothing is fetched: this package's
scoring part lies in the program, and NumPy, SciPy, Numba and OpenCV in the Docker image.
"""

import tempfile
from pathlib import Path
from typing import Any

import yaml

from instahide.hosting.packing import (
    REFERENCE,
    as_zip,
    check_truth,
    dockerfile,
    program_files,
    reference_zip,
    sample_submission,
    save_bundle,
)
from instahide.hosting.pages import (
    PAGES,
    HostedChallenge,
    draw_logo,
    page_values,
    render_pages,
    render_text,
)
from instahide.hosting.program import SHOWN_COLUMNS

PROGRAM, KIT, SAMPLE = "scoring_program.zip", "starting_kit.zip", "sample_submission.zip"
COMMAND = "python3 /app/program/score.py /app/input/ref /app/input/res /app/output"
SECONDS = 1800  # that a score may take; 5,000 rows take a few
SHOWN_DIGITS = 4


def save_codabench(path: Path | str, challenge: HostedChallenge, image: str) -> None:
    """Write the bundle of a competition (mode 0600: the truth is in it).

    Parameters
    ----------
    path : path
        The zip to write.
    image : str
        Name of the Docker image that scores, made of the bundle's `Dockerfile`.

    Raises
    ------
    InstaHideError
        When the challenge's files do not belong together.
    """
    check_truth(challenge)
    pages, sample = render_pages(challenge), sample_submission(challenge)
    with tempfile.TemporaryDirectory() as scratch:
        reference = reference_zip(challenge.folder, Path(scratch))
        kit = Path(scratch, KIT)
        kit.write_bytes(as_zip(_kit(challenge, pages, sample)))
        program = program_files() | {"metadata.yaml": as_yaml({"command": COMMAND})}
        files = {
            "competition.yaml": as_yaml(describe_competition(challenge, image)),
            "logo.png": draw_logo(challenge),
            **{f"pages/{name}.md": text for name, text in pages.items()},
            PROGRAM: as_zip(program),
            REFERENCE: reference,
            SAMPLE: sample,
            KIT: kit,
            "Dockerfile": dockerfile(),
        }
        save_bundle(path, files)


def describe_competition(challenge: HostedChallenge, image: str) -> dict[str, Any]:
    """Return what `competition.yaml` says, in the words of its version 2."""
    hosting = challenge.hosting
    return {
        "version": 2,
        "title": hosting.title,
        "description": f"Recover {challenge.manifest['images']} private images from "
        f"{challenge.rows} encryptions.",
        "image": "logo.png",
        "terms": "pages/terms.md",
        "registration_auto_approve": True,
        "docker_image": image,
        "make_programs_available": True,
        "make_input_data_available": False,
        "enable_detailed_results": False,
        "pages": [{"title": name.capitalize(), "file": f"pages/{name}.md"} for name in PAGES],
        "tasks": [
            {
                "index": 0,
                "name": "Recover the private images",
                "description": "One image for each encryption.",
                "scoring_program": PROGRAM,
                "reference_data": REFERENCE,
            }
        ],
        "solutions": [{"index": 0, "tasks": [0], "path": SAMPLE}],
        "phases": [_phase(challenge)],
        "fact_sheet": {
            "attack": _question("attack", "Name of the attack"),
            "given": _question("given", "What did it know besides the data?"),
        },
        "leaderboards": [
            {
                "title": "Results",
                "key": "main",
                "submission_rule": "Force_Best",
                "columns": [_column(*about) for about in enumerate(SHOWN_COLUMNS.items())],
            }
        ],
    }


def as_yaml(content: dict[str, Any]) -> str:
    """Return a mapping as YAML, in its order."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=96)


def _kit(challenge: HostedChallenge, pages: dict[str, str], sample: bytes) -> dict[str, Any]:
    return {
        "README.md": render_text("kit.md.j2", **page_values(challenge)),
        "evaluation.md": pages["evaluation"],
        SAMPLE: sample,
        "release.zip": challenge.folder.release,
    }


def _phase(challenge: HostedChallenge) -> dict[str, Any]:
    hosting = challenge.hosting
    return {
        "index": 0,
        "name": "Challenge",
        "description": "Hand in what you recover.",
        "start": hosting.start,
        "end": hosting.end,
        "max_submissions_per_day": hosting.per_day,
        "max_submissions": hosting.total,
        "execution_time_limit": SECONDS,
        "accepts_only_result_submissions": True,
        "starting_kit": KIT,
        "tasks": [0],
    }


def _question(key: str, title: str) -> dict[str, str]:
    """Return a question that is asked with each submission, its answer on the leaderboard."""
    told = {"is_required": "true", "is_on_leaderboard": "true"}
    return {"key": key, "type": "text", "title": title, "selection": "", **told}


def _column(index: int, about: tuple[str, str]) -> dict[str, Any]:
    key, title = about
    order = "asc" if key.endswith("l2") else "desc"
    place = {"index": index, "sorting": order, "precision": SHOWN_DIGITS}
    return {"title": title, "key": key, **place}
