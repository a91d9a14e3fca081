"""A challenge as an EvalAI challenge, made by a zip of its configuration.

The worker unpacks ``evaluation_script.zip``, installs its ``requirements.txt``, imports it as a
package and calls ``evaluate`` with the annotation file, the submission as it was uploaded, and
the phase. Here the annotation file is an archive of truth and private images. EvalAI hosts no
data, so the address of the release has to be told.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from instahide.errors import InstaHideError
from instahide.hosting.codabench import SHOWN_DIGITS, as_yaml
from instahide.hosting.packing import (
    REFERENCE,
    as_zip,
    check_truth,
    program_files,
    reference_zip,
    sample_submission,
    save_bundle,
)
from instahide.hosting.pages import HostedChallenge, draw_logo, render_pages, render_text
from instahide.hosting.program import SHOWN_COLUMNS
from instahide.hosting.smallmarkdown import markdown_as_html

PHASE_PAGE = "challenge_phase_1_description"
SCRIPT, SPLIT = "evaluation_script.zip", "all_rows"
#: Our pages, by the keys of EvalAI's configuration.
HTML_PAGES = {
    "description": "overview",
    "evaluation_details": "data",
    "submission_guidelines": "evaluation",
    "terms_and_conditions": "terms",
}


def save_evalai(path: Path | str, challenge: HostedChallenge) -> None:
    """Write the zip of a challenge's configuration (mode 0600: the truth is in it).

    Raises
    ------
    InstaHideError
        When the address of the data is not told, or the challenge's files do not belong
        together.
    """
    if not challenge.hosting.url:
        raise InstaHideError(
            "EvalAI hosts no data: put release.zip on a server, and say --url https://…"
        )
    check_truth(challenge)
    with tempfile.TemporaryDirectory() as scratch:
        reference = reference_zip(challenge.folder, Path(scratch))
    files = {
        "challenge_config.yaml": as_yaml(describe_evalai(challenge)),
        "logo.png": draw_logo(challenge),
        **{f"templates/{key}.html": text for key, text in html_pages(challenge).items()},
        f"annotations/{REFERENCE}": reference,
        SCRIPT: as_zip(_script()),
        "sample_submission.zip": sample_submission(challenge),
    }
    save_bundle(path, files)


def html_pages(challenge: HostedChallenge) -> dict[str, str]:
    """Return the HTML of each page, by the name of its template."""
    pages = render_pages(challenge)
    found = {key: markdown_as_html(pages[name]) for key, name in HTML_PAGES.items()}
    return found | {PHASE_PAGE: markdown_as_html("Hand in what you recover.")}


def describe_evalai(challenge: HostedChallenge) -> dict[str, Any]:
    """Return what `challenge_config.yaml` says."""
    hosting = challenge.hosting
    return {
        "title": hosting.title,
        "short_description": f"Recover {challenge.manifest['images']} private images from "
        f"{challenge.rows} encryptions.",
        **{key: f"templates/{key}.html" for key in HTML_PAGES},
        "image": "logo.png",
        "leaderboard_description": "Ranked by Max_SSIM, which is better when higher; L2 is "
        "better when lower.",
        "evaluation_script": SCRIPT,
        "remote_evaluation": False,
        "start_date": hosting.start,
        "end_date": hosting.end,
        "published": False,
        "tags": ["privacy", "InstaHide", "image-reconstruction"],
        "leaderboard": [{"id": 1, "schema": _schema()}],
        "challenge_phases": [_phase(challenge)],
        "dataset_splits": [{"id": 1, "name": "All rows", "codename": SPLIT}],
        "challenge_phase_splits": [
            {
                "challenge_phase_id": 1,
                "leaderboard_id": 1,
                "dataset_split_id": 1,
                "visibility": 3,
                "leaderboard_decimal_precision": SHOWN_DIGITS,
                "is_leaderboard_order_descending": True,
            }
        ],
    }


def _schema() -> dict[str, Any]:
    titles = list(SHOWN_COLUMNS.values())
    about = {
        title: {"sort_ascending": key.endswith("l2")} for key, title in SHOWN_COLUMNS.items()
    }
    return {"labels": titles, "default_order_by": titles[0], "metadata": about}


def _phase(challenge: HostedChallenge) -> dict[str, Any]:
    hosting = challenge.hosting
    return {
        "id": 1,
        "name": "Challenge",
        "description": f"templates/{PHASE_PAGE}.html",
        "leaderboard_public": True,
        "is_public": True,
        "is_submission_public": True,
        "start_date": hosting.start,
        "end_date": hosting.end,
        "test_annotation_file": f"annotations/{REFERENCE}",
        "codename": "challenge",
        "max_submissions_per_day": hosting.per_day,
        "max_submissions_per_month": hosting.total,
        "max_submissions": hosting.total,
        "default_submission_meta_attributes": [
            {"name": "method_name", "is_visible": True},
            {"name": "method_description", "is_visible": True},
        ],
        "submission_meta_attributes": [
            {
                "name": "Given",
                "description": "What did the attack know besides the data?",
                "type": "text",
                "required": True,
            }
        ],
        "is_restricted_to_select_one_submission": False,
        "is_partial_submission_evaluation_enabled": False,
        "allowed_submission_file_types": ".zip, .npy",
    }


def _script() -> dict[str, Any]:
    """Return the package that the worker imports."""
    return program_files() | {
        "__init__.py": render_text("evalai_init.py.j2"),
        "main.py": render_text("evalai_main.py.j2"),
        "columns.json": json.dumps(SHOWN_COLUMNS, indent=2) + "\n",
    }
