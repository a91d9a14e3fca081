"""Trainings as the configuration writes them, and the challenges that they leave.

Nothing heavier than the standard library: the workflow reads it whenever it is parsed.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from instahide.choice import choose
from instahide.encodings.catalogue import choose_encoding
from instahide.encodings.choice import (
    DEFAULT_GENERATOR,
    INSTAHIDE,
    EncodingChoice,
    of_scheme,
)
from instahide.errors import InstaHideError
from instahide.training.recipe import ABS, SIGNED, UNENCRYPTED, Training
from instahide.training.schedule import Schedule

MASKED = ("cross", "inside")  # schemes whose mask magnitudes throw away
#: Keys of a training that are keys of the challenge of its recorded images too.
SHARED_KEYS = ("encoding", "scheme", "k", "c1", "c2", "treatment", "public", "public_sample")
SHARED_KEYS += ("attacks",)


#: name -> network and schedule
PRESETS = {
    "laptop": ("laptop", Schedule()),
    # InstaHide, section 5 (CIFAR-10).
    # ASSUME: plain momentum, and crops of images with 4 pixels around them, as is usual with
    # these rates; the paper names neither.
    "paper": (
        "resnet18",
        Schedule(
            epochs=200,
            rate=0.1,
            rise=0,
            drops=(100, 150),
            nesterov=False,
            decay=1e-4,
            padding=4,
        ),
    ),
    "smoke": ("laptop", Schedule(epochs=5, batch=64)),
}
#: name -> where the function is that makes the network
NETWORKS = {
    "laptop": "instahide.training.networks:laptop_network",
    "resnet18": "instahide.training.networks:resnet18",
}


def training_of(given: Mapping[str, Any], seed: int = 0) -> Training:
    """Return what an entry of a configuration's `training` trains.

    Parameters
    ----------
    given : mapping
        The entry, its defaults filled in.
    seed : int

    Raises
    ------
    InstaHideError
        When a value is out of range or a text chooses nothing.
    """
    network, preset = PRESETS[given["preset"]]
    own = dict(given["schedule"])
    if "drops" in own:
        own["drops"] = tuple(own["drops"])
    elif "epochs" in own and preset.drops:  # at the same shares of fewer or more epochs
        shares = (drop * own["epochs"] // preset.epochs for drop in preset.drops)
        own["drops"] = tuple(drop for drop in shares if drop)
    schedule = replace(preset, **own, seed=seed)
    encoding = _encoding(given, schedule)
    chosen = choose("network", given.get("network", network), NETWORKS)
    return Training(encoding, chosen, given.get("input", _usual_input(given)), schedule)


def recorded_challenges(trainings: Mapping[str, Mapping[str, Any]]) -> tuple[dict, dict]:
    """Return the private sets and challenges of recorded images, as a configuration has them.

    The challenge of a training is called ``training/{name}/seen``. Its seed is the training's
    key: where that is an integer the same one, else 256 bits of its own.
    """
    private, challenges = {}, {}
    for name, given in trainings.items():
        if not given["record"]:
            continue
        if given["encoding"] == UNENCRYPTED:
            raise InstaHideError(
                f"training/{name}/record: there are no encryptions to record, as the encoding "
                "is 'none'"
            )
        own = f"training/{name}"
        source = {"source": {"data": given["data"]}}
        private[own] = source | {"images": given["record"], "seed": given["key"]}
        challenges[f"{own}/seen"] = challenge_of_training(given) | {"private": own}
    return private, challenges


def challenge_of_training(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a challenge of a training's images, as a configuration has it, but for these."""
    return {
        "seed": given["key"],
        "arrays": [],
        "rows_per_image": training_of(given).schedule.epochs,
        "generator": DEFAULT_GENERATOR,
        "public_use": "one-batch",
        **{key: given[key] for key in SHARED_KEYS if key in given},
    }


def _encoding(given: Mapping[str, Any], schedule: Schedule) -> EncodingChoice | None:
    if given["encoding"] == UNENCRYPTED:
        return None
    if given["encoding"] != INSTAHIDE:
        return choose_encoding(given["encoding"])
    fields = {key: given[key] for key in ("k", "c1", "c2")}
    scheme = {"name": given["scheme"], **fields, "rows_per_image": schedule.epochs}
    return of_scheme(scheme, treatment=given.get("treatment"))


def _usual_input(given: Mapping[str, Any]) -> str:
    """Return magnitudes under a mask; elsewhere they would only lose what is dark."""
    masked = given["encoding"] == INSTAHIDE and given["scheme"] in MASKED
    return ABS if masked else SIGNED
