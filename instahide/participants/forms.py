"""The forms that a submission may have, as the page tells and `checking` shows them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SubmissionForm:
    """One of them.

    Attributes
    ----------
    files : tuple of str
        Names of the arrays in the zip.
    words : str
        What they hold; ``{shape}`` stands for (E, H, W, C), ``{rows}`` for E.
    """

    files: tuple[str, ...]
    words: str


#: What `instahide.scoring.submission.read_submission` reads.
FORMS = (
    SubmissionForm(
        ("decryption.npy",),
        "an image for each encryption, in the order of encryption.npy: shape {shape}, float16, "
        "float32, float64 or, with values from 0 to 255, uint8, else with values on [−1, 1]",
    ),
    SubmissionForm(
        ("images.npy", "members.npy"),
        "much smaller: the recovered images, each once (uint8 from 0 to 255, or numbers on "
        "[−1, 1]), and for each of the {rows} encryptions the numbers of its images from 0, of "
        "which the first is handed in",
    ),
)
METADATA_FILE = "submission.yaml"
#: A file that is as documented in docs/participants.md; the sample submission holds it.
METADATA_SAMPLE = """\
# Team and attack are needed; all the rest may be left out.
team: Sample
attack: All grey
version: "1"
given:                        # what the attack was given besides the encryptions
  labels: none                # coefficients (label.npy as it is), classes, or none
  images: false               # the number of private images
  public_distribution: false  # other photos like the public ones
  public_pool: false          # the pool of public images itself
  generator: false            # the program that made the challenge, without its seed
cost: {wall_seconds: 1, cpu_seconds: 1, peak_memory_bytes: 100000000, hardware: one core}
description: Grey images, to show what a submission looks like.
"""
