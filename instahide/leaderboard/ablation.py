"""A table of attacks that are made of the same steps: what each changes, and what that costs.

Challenges with other settings are harder or easier, so means are taken over challenges with
equal ones, and each setting has a table of its own; so have attacks whose steps have other
names.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.recipe import WHITENED
from instahide.challenge.folder import ChallengeFolder
from instahide.challenge.manifest import load_manifest
from instahide.errors import InstaHideError
from instahide.files import save_text
from instahide.smalljson import read_object

HEAD = ("attack", "differs in", "Max_SSIM", "difference", "seconds")
#: What challenges have in common that differ in their seeds and private images only.
REQUIRED = ("scheme", "generator", "images", "image_shape", "classes", "pool")
#: Those behind the first are of some challenges only.
SETTINGS = (*REQUIRED, "public_use", "augmentation", "treatment", "encoding")


@dataclass(frozen=True)
class Result:
    """One attack on one challenge.

    Attributes
    ----------
    attack, challenge : str
    settings : dict
        What `challenge.json` tells under the keys `SETTINGS`, where it does.
    choices : dict of str
        What was chosen for each step, and `labels` and `public` where the attacker was not
        given the usual: labels with coefficients, and public photos of his own.
    max_ssim, seconds : float
    """

    attack: str
    challenge: str
    settings: dict[str, Any]
    choices: dict[str, str]
    max_ssim: float
    seconds: float


def read_result(folder: Path | str) -> Result:
    """Read `attack.json` and `score.json` of a folder {challenge}/attacks/{attack}.

    Raises
    ------
    InstaHideError
        When one of them, or `challenge.json`, is missing or damaged.
    """
    folder = Path(folder)
    challenge = folder.parents[1]
    manifest = load_manifest(ChallengeFolder(challenge), REQUIRED)
    about, score = (read_object(folder / name) for name in ("attack.json", "score.json"))
    try:
        choices = {part["name"]: part["choice"] for part in about["stages"] if "choice" in part}
        given = about["given"]
        if given["labels"] != "coefficients":
            choices["labels"] = given["labels"]
        if given["public_pool"]:
            choices["public"] = "pool"
        numbers = float(score["max_ssim"]["mean"]), float(about["cpu_seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise InstaHideError(
            f"attack.json or score.json of {folder} lacks what a comparison needs ({error}): "
            "run and score the attack again"
        ) from None
    settings = {name: manifest[name] for name in SETTINGS if name in manifest}
    return Result(folder.name, challenge_name(challenge), settings, choices, *numbers)


def challenge_name(folder: Path) -> str:
    """Return a challenge's name: its folder's, below `results` where it lies there.

    Examples
    --------
    >>> challenge_name(Path("results/training/mine/seen"))
    'training/mine/seen'
    """
    parts = folder.parts
    last = max((place for place, part in enumerate(parts) if part == "results"), default=None)
    return folder.name if last is None else "/".join(parts[last + 1 :])


def ablation_table(results: Iterable[Result]) -> str:
    """Return Markdown tables, one for each setting, a line for each attack, the best first.

    Scores are means over the challenges with their range; the difference is the mean, with its
    range, of what each challenge loses against the attack with all the defaults. Attacks whose
    steps have other names than those of `whitened` have tables of their own, without one.
    """
    groups: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        settings = json.dumps(result.settings, sort_keys=True)
        groups.setdefault((settings, *steps_of(result)), []).append(result)
    ordered = sorted(groups.values(), key=lambda found: describe_settings(found[0].settings))
    return "\n".join(map(_section, ordered))


def steps_of(result: Result) -> list[str]:
    """Return the names of an attack's steps."""
    return [name for name in result.choices if name not in ("labels", "public")]


def describe_settings(settings: dict[str, Any]) -> str:
    """Name the settings of a challenge in a line."""
    pool, other = settings.get("pool"), settings.get("encoding")
    made = {"name": other["name"], **other["options"]} if other else settings.get("scheme", {})
    named = {"rows_per_image": "T"}
    parts = [str(made.get("name", "another scheme"))]
    parts += [f"{named.get(key, key)} = {made[key]}" for key in made if key != "name"]
    parts += [f"n = {settings.get('images')}", f"{len(settings.get('classes', []))} classes"]
    parts += [" × ".join(map(str, settings.get("image_shape", [])))]
    parts += [f"pool {pool['sha256'][:8]} of {pool['patches']}" if pool else "no pool"]
    parts += [str(settings[key]) for key in ("generator", "public_use") if key in settings]
    parts += _in_words(settings.get("augmentation", {}))
    parts += [f"treated: {settings['treatment']}"] if "treatment" in settings else []
    return ", ".join(parts)


def _in_words(augmentation: dict[str, Any]) -> list[str]:
    """Name what of an augmentation is used."""
    used = {key: value for key, value in augmentation.items() if value}
    named = (f"{key} {'' if value is True else value}".strip() for key, value in used.items())
    return [f"augmented: {' '.join(named)}"] if used else []


def _section(results: Sequence[Result]) -> str:
    """Return the table of challenges with equal settings."""
    attacks: dict[str, list[Result]] = {}
    for result in results:
        attacks.setdefault(result.attack, []).append(result)
    base = next((found for found in attacks.values() if not changes(found[0])), [])
    lines = sorted(attacks.values(), key=lambda found: -_mean(found))
    rows = [HEAD, ("---",) * len(HEAD), *(_line(found, base) for found in lines)]
    challenges = sorted({result.challenge for result in results})
    note = (
        f"Max_SSIM: mean over {len(challenges)} challenges ({', '.join(challenges)}), range "
        "in parentheses. The difference is that to the attack with all the defaults, by "
        "challenge. Seconds: processor time of all stages, mean over the challenges."
    )
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"## {describe_settings(results[0].settings)}\n\n{table}\n\n{note}\n"


def changes(result: Result) -> dict[str, str]:
    """Return the choices of an attack that are not the defaults."""
    return {step: text for step, text in result.choices.items() if text != WHITENED.get(step)}


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
