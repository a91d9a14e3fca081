"""A table of attacks that are made of stages: what each changes, and what that costs."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from instahide.attacks.stages import Stages
from instahide.files import save_text

HEAD = ("attack", "differs in", "Max_SSIM", "difference", "seconds")


@dataclass(frozen=True)
class Result:
    """One attack on one challenge.

    Attributes
    ----------
    attack, challenge : str
    choices : dict of str
        What was chosen for each stage, and `labels` and `public` where the attacker was not
        given the usual: labels with coefficients, and public photos of his own.
    max_ssim, seconds : float
    """

    attack: str
    challenge: str
    choices: dict[str, str]
    max_ssim: float
    seconds: float


def read_result(folder: Path | str) -> Result:
    """Read `attack.json` and `score.json` of a folder {challenge}/attacks/{attack}."""
    folder = Path(folder)
    about, score = (
        json.loads((folder / name).read_text()) for name in ("attack.json", "score.json")
    )
    choices = {part["name"]: part["choice"] for part in about["stages"] if "choice" in part}
    given = about["given"]
    if given["labels"] != "coefficients":
        choices["labels"] = given["labels"]
    if given["public_pool"]:
        choices["public"] = "pool"
    return Result(
        folder.name,
        folder.parents[1].name,
        choices,
        score["max_ssim"]["mean"],
        about["cpu_seconds"],
    )


def ablation_table(results: Iterable[Result]) -> str:
    """Return a Markdown table, a line for each attack, the best first.

    Scores are means over the challenges with their range; the difference is the mean, with its
    range, of what each challenge loses against the attack with all the defaults.
    """
    attacks: dict[str, list[Result]] = {}
    for result in results:
        attacks.setdefault(result.attack, []).append(result)
    base = next((found for found in attacks.values() if not changes(found[0])), [])
    lines = sorted(attacks.values(), key=lambda found: -_mean(found))
    rows = [HEAD, ("---",) * len(HEAD), *(_line(found, base) for found in lines)]
    challenges = sorted({result.challenge for found in lines for result in found})
    note = (
        f"Max_SSIM: mean over {len(challenges)} challenges ({', '.join(challenges)}), range "
        "in parentheses. The difference is that to the attack with all the defaults, by "
        "challenge. Seconds: processor time of all stages, mean over the challenges."
    )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + f"\n\n{note}\n"


def changes(result: Result) -> dict[str, str]:
    """Return the choices of an attack that are not the defaults."""
    defaults = vars(Stages())
    return {
        stage: text for stage, text in result.choices.items() if text != defaults.get(stage)
    }


def save_ablation(out: Path | str, folders: Iterable[Path | str]) -> None:
    """Write the table of some attacks' folders."""
    save_text(out, ablation_table(map(read_result, folders)))


def _line(found: Sequence[Result], base: Sequence[Result]) -> tuple[str, ...]:
    scores = {result.challenge: result.max_ssim for result in base}
    losses = [
        result.max_ssim - scores[result.challenge]
        for result in found
        if result.challenge in scores
    ]
    differs = ", ".join(f"{stage} `{text}`" for stage, text in changes(found[0]).items())
    return (
        found[0].attack,
        differs or "(all defaults)",
        _spread([result.max_ssim for result in found], "{:.3f}"),
        _spread(losses, "{:+.3f}") if differs and losses else "",
        f"{np.mean([result.seconds for result in found]):.0f}",
    )


def _mean(found: Sequence[Result]) -> float:
    return float(np.mean([result.max_ssim for result in found]))


def _spread(values: Sequence[float], form: str) -> str:
    middle, low, high = (form.format(pick(values)) for pick in (np.mean, min, max))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"
