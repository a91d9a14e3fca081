"""What decoding with the pool starts from, and how far rows have come."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from instahide.attacks.knownpool.decoding import SURE, Decoding, Settings
from instahide.attacks.knownpool.dictionary import Dictionary
from instahide.attacks.knownpool.selection import NONE
from instahide.attacks.unmixing.parts.field import batches, cooling, unmask
from instahide.attacks.unmixing.parts.labels import Parts, read_pairs
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import State
from instahide.errors import InstaHideError

ROUNDING_LEVEL = 1e-10  # float32 leaves less
SETTLED = 1e-8  # level of a row with nothing more to be found


@dataclass(frozen=True)
class Task:
    """What stays through all passes.

    Attributes
    ----------
    magnitudes : ndarray of float32, shape (E, d)
        See `instahide.attacks.unmixing.problem.Problem`.
    parts : Parts
        What the labels say.
    dictionary : Dictionary
        The pool.
    settings : Settings
    """

    magnitudes: np.ndarray
    parts: Parts
    dictionary: Dictionary
    settings: Settings

    def take(self, rows: np.ndarray) -> "Task":
        """Return the task of some rows."""
        return replace(self, magnitudes=self.magnitudes[rows], parts=self.parts.take(rows))


def make_task(
    problem: Problem, state: State, dictionary: Dictionary, settings: Settings
) -> Task:
    """Check what is given, and put it together.

    Raises
    ------
    InstaHideError
        When images are of another shape, or the state is of other rows.
    """
    if dictionary.pool.shape != problem.shape:
        raise InstaHideError(
            f"the pool's images are {dictionary.pool.shape} and the encryptions {problem.shape}"
        )
    if state.unmasked.shape != problem.magnitudes.shape:
        raise InstaHideError(
            f"the start is of {len(state.unmasked)} rows and the challenge of "
            f"{len(problem.magnitudes)}"
        )
    return Task(problem.magnitudes, read_pairs(problem), dictionary, settings)


def remaining_level(task: Task, state: State, public: np.ndarray | float = 0.0) -> np.ndarray:
    """Measure what is left of rows after private and public parts, in a public image's power.

    Returns
    -------
    ndarray of float32, shape (E,)
    """
    power, mixtures = np.empty(len(state), np.float32), state.mixtures
    for rows in batches(*state.unmasked.shape):
        left = state.unmasked[rows] - mixtures[rows]
        left -= public[rows] if isinstance(public, np.ndarray) else public
        power[rows] = np.einsum("ij,ij->i", left, left) / left.shape[1]
    return (power / task.dictionary.field.power + ROUNDING_LEVEL).astype(np.float32)


def is_settled(state: State, decoding: Decoding) -> np.ndarray:
    """Tell which rows are complete, (E,) bool."""
    return (state.level < SETTLED) & (decoding.public != NONE).all(axis=1)


def count_open(state: State, decoding: Decoding) -> int:
    """Count the rows that are not settled."""
    return int((~is_settled(state, decoding)).sum())


def settings_for(problem: Problem, **chosen: Any) -> Settings:
    """Return the settings of a finish with the pool, `chosen` being its options.

    Raises
    ------
    InstaHideError
        When the pool is not known.
    """
    if problem.pool is None:
        raise InstaHideError("this stage decodes with the challenge's pool: public: pool")
    return Settings(k=problem.scheme.k, masked=problem.scheme.masked, **chosen)


def tell_decoding(
    problem: Problem,
    state: State,
    decoding: Decoding,
    settings: Settings,
    passes: int,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what ``attack.json`` tells of a decoding, and what ``decoding.npz`` keeps.

    Parameters
    ----------
    passes : int
        How many it took, of those that the settings allow.
    """
    settled = float(is_settled(state, decoding).mean())
    told = {
        "pool_images": len(problem.pool),
        **asdict(settings),
        "passes": passes,
        "confident_rows": round(float((decoding.row_confidence > SURE).mean()), 4),
        "settled_rows": round(settled, 4),
    }
    kept = {"row_confidence": decoding.row_confidence, "level": state.level}
    return told, vars(decoding) | kept


def take_masks_off(task: Task, state: State, decoding: Decoding) -> np.ndarray:
    """Return the rows without their masks, (E, d); of complete rows the signs are plain."""
    if not task.settings.masked:
        return task.magnitudes
    dictionary = task.dictionary
    mean = state.mixtures[:]
    mean += dictionary.mix(decoding.public, decoding.coefficients)
    unmasked = np.copysign(task.magnitudes, mean)
    open_ = np.flatnonzero(~is_settled(state, decoding))
    schedule = cooling(task.settings.steps)
    unmasked[open_] = unmask(
        dictionary.field, task.magnitudes[open_], mean[open_], state.level[open_], schedule
    )
    return unmasked
