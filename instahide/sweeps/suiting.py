"""Which attacks suit a point of a sweep: what they take apart is there, and what they know.

An attack that is on other rows is no mistake in a sweep over encodings; it is left out of the
points that it does not suit. What is missing by mistake, such as photos of the attacker's own,
is left to the check of every challenge.
"""

from collections.abc import Mapping
from typing import Any

from instahide.attacks.recipe import DP_INSTAHIDE, Attack
from instahide.encodings.choice import INSTAHIDE
from instahide.encodings.instahide.scheme import SCHEMES
from instahide.randomness import historical
from instahide.training.recipe import UNENCRYPTED

#: Names of stages that take masked rows of k private images, and of two.
OF_PLACES = "places"
OF_MASKED_PAIRS = ("free", "scattered", "views")
#: Of stages that take rows of two without a mask.
OF_UNMASKED_PAIRS = "linear"
#: Those that take rows with public images.
WITH_POOL = ("pool", "views-pool", "linear-pool")


def attack_suits(attack: Attack, challenge: Mapping[str, Any]) -> bool:
    """Tell whether an attack can be run on a challenge, as a configuration has it.

    Parameters
    ----------
    attack : Attack
    challenge : mapping
        Its defaults filled in.
    """
    made_by = challenge["encoding"].partition(",")[0]
    if not attack.suits(made_by):
        return False
    if attack.public == "pool" and "public" not in challenge:
        return False
    if made_by != INSTAHIDE:
        return True
    if attack.generator and challenge["generator"] != historical.NAME:
        return False
    return _takes(attack, challenge["scheme"], challenge["k"])


def mixes_public(challenge: Mapping[str, Any]) -> bool:
    """Tell whether a challenge may mix public images, by its encoding.

    Functions of one's own may.
    """
    if challenge["encoding"] == INSTAHIDE:
        return not SCHEMES[challenge["scheme"]][0]
    return challenge["encoding"].partition(",")[0] not in (DP_INSTAHIDE, UNENCRYPTED)


def _takes(attack: Attack, scheme: str, k: int) -> bool:
    """Tell whether an attack's stages take rows of a scheme."""
    inside, masked = SCHEMES[scheme]
    pairs, told = not inside or k == 2, (attack.family, attack.public)
    if told in (("single", "pool"), ("authors", "pool")):
        return masked and not inside and k > 2
    if told == ("authors", "sample"):
        return masked and pairs
    if attack.family != "unmixing":
        return True
    chosen = {step.name: step.choice.text.partition(",")[0] for step in attack.steps}
    stages = [chosen.get("assignment"), chosen.get("retrieval")]
    if chosen.get("finish") in WITH_POOL and (inside or k == 2):
        return False
    if OF_PLACES in stages:
        return masked and inside
    refuses_masks = any(step.choice.options.get("unmasked") for step in attack.steps)
    if OF_UNMASKED_PAIRS in stages or refuses_masks:
        return not masked and pairs
    if any(stage in OF_MASKED_PAIRS for stage in stages):
        return masked and pairs
    return pairs
