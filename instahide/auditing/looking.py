"""The step of an audit that attacks, and looks for the originals in what came back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.needs import check_needs, size_of
from instahide.attacks.nothing import NothingToGoOn
from instahide.attacks.recipe import Attack
from instahide.attacks.running import recover, view_of
from instahide.attacks.seen import Seen, load_seen
from instahide.auditing.mixing import moved_by
from instahide.auditing.recognition import Rule, recognise
from instahide.auditing.result import CameBack
from instahide.challenge.private import load_private
from instahide.files import save_npz
from instahide.progress import announce


@dataclass(frozen=True)
class Attempt:
    """How an attacker looks for images.

    Attributes
    ----------
    attack : Attack
    without_classes : Attack
        What takes its place where all images are of one class.
    augment : bool
        Whether images were moved and flipped before they were mixed.
    threshold, margin : float
        See `instahide.auditing.recognition`.
    seed : int
        Of the attack's random numbers.
    """

    attack: Attack
    without_classes: Attack
    augment: bool
    threshold: float
    margin: float
    seed: int

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Attempt":
        """Return what `instahide.auditing.attackers.attempt_of` made plain."""
        attacks = {key: Attack.of(plain[key]) for key in ("attack", "without_classes")}
        return cls(**{**plain, **attacks})

    def rule(self, shape: tuple[int, ...]) -> Rule:
        """Return when images of a shape (H, W, C) count as recognised."""
        moved = moved_by(self.augment, shape[0])
        return Rule.of(moved, shape, self.threshold, self.margin)


def save_found(
    out: Path, challenge: Path, attempt: Attempt, public: Mapping[str, Path]
) -> None:
    """Attack encryptions, and write what is recognised in what came back.

    Parameters
    ----------
    public : mapping
        ``pool``, the images that are mixed in, and ``others``, the attacker's own.
    """
    private = load_private(challenge / "secret" / "private.npz")
    originals = private.images
    attack = attempt.attack if len(private.class_names) > 1 else attempt.without_classes
    knows_pool = attack.public == "pool"
    seen = load_seen(
        challenge,
        None,
        len(originals),
        public=public["pool" if knows_pool else "others"],
        labels=attack.labels,
        knows_pool=knows_pool,
    )
    recovered, seconds, reason = _recovered(attack, seen, attempt.seed)
    if len(recovered):
        found = recognise(recovered, originals, attempt.rule(originals.shape[1:]))
    else:
        found = nothing_of(originals)
    told = {"cpu_seconds": seconds, "attack": attack.name, "reason": reason}
    save_npz(
        out, asdict(found) | {key: np.array(one) for key, one in told.items()}, secret=True
    )


def _recovered(attack: Attack, seen: Seen, seed: int) -> tuple[np.ndarray, float, str]:
    """Return the images that an attack recovers, in any order, and the seconds it took.

    None are where the rows give it nothing to go on, for a reason that comes last. All else
    that goes wrong stays an error: it would pass for an answer.
    """
    check_needs([step.choice for step in attack.steps], size_of(view_of(attack, seen)))
    try:
        recovery, watch = recover(attack, seen, seed=seed)
    except NothingToGoOn as error:
        announce(f"nothing comes back: {error}")
        return np.empty((0, *seen.shape), np.float32), 0.0, str(error)
    seconds = sum(stage["cpu_seconds"] for stage in watch.stages)
    return recovery.decryption if recovery.private is None else recovery.private, seconds, ""


def nothing_of(originals: np.ndarray) -> CameBack:
    """Return what came back where nothing did: grey."""
    count = len(originals)
    grey = np.full_like(originals, 128)
    return CameBack(grey, np.zeros(count), np.zeros(count, bool))
