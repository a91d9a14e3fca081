"""Scoring one file that was handed in: what runs in a process of its own, within limits."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from instahide.challenge.folder import ChallengeFolder, load_seed
from instahide.challenge.private import load_private
from instahide.encodings.plan import load_plan
from instahide.errors import InstaHideError
from instahide.intake.halves import draw_halves, score_part
from instahide.scoring.score import as_dict, score_images
from instahide.scoring.submission import read_submission


def score_one(file: str, challenge: str, name: str) -> dict[str, Any]:
    """Score a submission on all private images, and on each half of them.

    Parameters
    ----------
    file : str
        A copy of what was handed in.
    challenge : str
        Folder of the challenge, with secrets.
    name : str
        What to call the file in messages.

    Returns
    -------
    dict
        ``all``, ``public`` and ``secret``, each as `instahide.scoring.score.as_dict` returns
        it; ``decryption``, its digest; ``hint``, which may be empty. Plain values, for JSON.

    Raises
    ------
    InstaHideError
        When the file is not what it should be, with a sentence for who handed it in.
    """
    folder = ChallengeFolder(Path(challenge))
    plan, images = load_plan(folder.truth), load_private(folder.private).images
    halves = draw_halves(load_seed(folder.seed), len(images))
    shape = (len(plan), *images.shape[1:])
    try:
        decryption = read_submission(file, shape=shape).decryption
        whole = score_images(decryption, plan, images, name=name)
    except InstaHideError as error:
        raise InstaHideError(str(error).replace(file, name)) from None
    found: dict[str, Any] = {"all": as_dict(whole)}
    for half in ("public", "secret"):
        part = score_part(decryption, plan, images, getattr(halves, half))
        found[half] = {metric: asdict(interval) for metric, interval in part.items()}
    return found | {"decryption": whole.decryption, "hint": whole.hint}
