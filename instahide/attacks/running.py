"""An attack made of stages: all at once, or each from the file that the last one left.

What the stages make, one file each, so that a change of the last re-runs only the last:

==========  =======================================================================
similarity  ``features.npy``
assignment  ``assignment.npz``: ``members`` int (E, p), ``weights`` float32 (E, p)
retrieval   ``state.npz``: those, ``images`` (n + 1, d), ``level`` (E,), ``unmasked`` (E, d)
finish      the attack's folder, see `instahide.attacks.protocol`, and ``assignment.npz``
==========  =======================================================================

Beside each but the last lies a ``.json``: the choice, seconds, memory. Every stage has random
numbers of its own, so that it makes the same bits either way.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.choice import STAGES, Stages
from instahide.attacks.given import what_is_given
from instahide.attacks.needs import check_needs, size_of
from instahide.attacks.protocol import Recovery, Run, Stopwatch, save_recovery
from instahide.attacks.unmixing.problem import Problem, load_problem
from instahide.attacks.unmixing.state import (
    Assignment,
    State,
    load_assignment,
    load_state,
    save_assignment,
    save_state,
)
from instahide.choice import Choice, load_function
from instahide.errors import InstaHideError
from instahide.files import load_npy, save_json, save_npy
from instahide.progress import announce
from instahide.smalljson import read_object

#: What each stage returns.
PRODUCTS = {
    "similarity": np.ndarray,
    "assignment": Assignment,
    "retrieval": State,
    "finish": Recovery,
}


def stage_rng(stage: str, seed: int) -> np.random.Generator:
    """Return the random numbers of a stage.

    Raises
    ------
    InstaHideError
        When the seed is negative.
    """
    if seed < 0:
        raise InstaHideError(f"the attack's seed {seed} is negative; use 0 or more")
    return np.random.default_rng([seed, list(STAGES).index(stage)])


def recover(
    problem: Problem,
    stages: Stages | None = None,
    *,
    seed: int = 0,
    observe: Callable[[str, Any], object] | None = None,
) -> tuple[Recovery, State, Stopwatch]:
    """Recover the private images of a challenge, all stages in memory.

    Parameters
    ----------
    problem : Problem
    stages : Stages, optional
        The attack `whitened` by default.
    seed : int
        Of the attack's own random numbers.
    observe : callable, optional
        Sees the name and the product of every stage, and the states within a retrieval that
        offers them, to measure them.

    Raises
    ------
    InstaHideError
        When a stage cannot take this problem, or needs more memory than there is.
    """
    stages, watch, product, state = stages or Stages(), Stopwatch(), None, None
    announce(check_needs(map(stages.choice, STAGES), size_of(problem)))
    for number, stage in enumerate(STAGES, 1):
        state, choice = product, stages.choice(stage)
        announce(f"stage {number} of {len(STAGES)}: {stage} ({choice.text})")
        with watch.stage(stage, choice=choice.text):
            product = run(problem, choice, state, seed=seed, observe=observe)
        if observe:
            observe(stage, product)
    return product, state, watch


def run(
    problem: Problem,
    choice: Choice,
    before: Any,
    *,
    seed: int = 0,
    observe: Callable[[str, Any], object] | None = None,
) -> Any:
    """Run one stage, and check what it returns.

    Parameters
    ----------
    problem : Problem
    choice : Choice
    before : object or None
        What the stage before made; None for the first.

    Raises
    ------
    InstaHideError
        When the stage cannot take this problem, or returns what the next cannot take.
    """
    given = (problem,) if before is None else (problem, before)
    watched = {"observe": observe} if observe and "observe" in choice.keywords() else {}
    with explained(choice):
        product = choice(*given, stage_rng(choice.kind, seed), **watched)
    check_product(product, PRODUCTS[choice.kind], problem, choice.target)
    return product


@contextlib.contextmanager
def explained(choice: Choice) -> Iterator[None]:
    """Turn what a stage of the project raises about rows that are no encryptions to sentences.

    The functions of one's own keep their tracebacks.
    """
    try:
        yield
    except MemoryError as error:
        raise InstaHideError(
            f"{choice.kind} ({choice.text}): not enough memory: {error}"
        ) from None
    except np.linalg.LinAlgError as error:
        if choice.is_own:
            raise
        raise InstaHideError(
            f"{choice.kind} ({choice.text}) finds no solution ({error}): are these the "
            "encryptions and labels of one challenge?"
        ) from error
    except (TypeError, ValueError) as error:
        if choice.is_own or not choice.options:
            raise
        raise InstaHideError(
            f"{choice.kind} ({choice.text}): the value of an option does not suit: {error}"
        ) from error


def check_product(product: Any, kind: type, problem: Problem, target: str) -> None:
    """Refuse what a function of one's own returns by mistake.

    Raises
    ------
    InstaHideError
        When the product is of another kind, or does not fit the problem's rows.
    """
    if not isinstance(product, kind):
        raise InstaHideError(
            f"{target} returned {type(product).__name__}; {kind.__name__} is expected"
        )
    rows = len(problem.magnitudes)
    if isinstance(product, Recovery):
        found, expected = product.decryption.shape, (rows, *problem.shape)
    elif isinstance(product, State):
        found, expected = product.unmasked.shape, problem.magnitudes.shape
    else:
        array = product.members if isinstance(product, Assignment) else product
        found, expected = array.shape, (rows, *array.shape[1:])
    if found != expected:
        raise InstaHideError(f"{target} returned shape {found}; {expected} is expected")


def save_attack(
    out: Path | str,
    name: str,
    problem: Problem,
    stages: Stages,
    *,
    seed: int = 0,
) -> None:
    """Run all stages, and write the attack's folder."""
    given = what_is_given(problem)
    recovery, state, watch = recover(problem, stages, seed=seed)
    kept = with_assignment(recovery, state.assignment)
    save_recovery(out, kept, Run(name, given, watch.stages))


def with_assignment(recovery: Recovery, assignment: Assignment) -> Recovery:
    """Return a recovery that keeps the assignment it began with, or its own better one."""
    return replace(recovery, arrays={"assignment": vars(assignment), **recovery.arrays})


def save_stage(
    out: Path | str,
    before: Path | str | None,
    choice: Choice,
    problem: dict[str, Any],
    *,
    seed: int = 0,
    pool: Path | str | None = None,
) -> None:
    """Run one stage from the file that the stage before left, and leave its own.

    Parameters
    ----------
    out : path
        File; for the finish ``decryption.npy`` of the attack's folder.
    before : path or None
        The file of the stage before; None for the first.
    choice : Choice
    problem : dict
        Arguments of `instahide.attacks.unmixing.problem.load_problem`.
    pool : path or None
        The challenge's pool, to tell whether the attacker's photos are of it; for the finish.
    """
    out, watch = Path(out), Stopwatch()
    product, earlier = load_product(choice.kind, before), stages_until(before)
    seen = load_problem(**problem)
    announce(check_needs([choice], size_of(seen)))
    if choice.kind == "finish":
        assignment, given = product.assignment, what_is_given(seen, pool)
    with watch.stage(choice.kind, choice=choice.text):
        product = run(seen, choice, product, seed=seed)
    done = [*earlier, *watch.stages]
    if choice.kind == "finish":
        kept = with_assignment(product, assignment)
        save_recovery(out.parent, kept, Run(out.parent.name, given, done))
        return
    SAVE[choice.kind](out, product)
    save_json(out.with_suffix(".json"), {"stages": done})


def save_whole(
    out: Path | str,
    target: str,
    problem: dict[str, Any],
    *,
    seed: int = 0,
    pool: Path | str | None = None,
) -> None:
    """Run a whole attack of one's own, and write the attack's folder.

    Parameters
    ----------
    out : path
    target : str
        ``module:function``; it is called with a `Problem` and random numbers, and returns a
        `Recovery`.
    problem : dict
        Arguments of `instahide.attacks.unmixing.problem.load_problem`.
    pool : path or None
        The challenge's pool, to tell whether the attacker's photos are of it.

    Raises
    ------
    InstaHideError
        When there is no such function, or it returns no `Recovery` of the right shape.
    """
    attack, out, watch = load_function(target), Path(out), Stopwatch()
    seen = load_problem(**problem)
    given = what_is_given(seen, pool)  # beforehand: the attack could change what it sees
    with watch.stage(target):
        recovery = attack(seen, np.random.default_rng(seed))
    check_product(recovery, Recovery, seen, target)
    save_recovery(out, recovery, Run(out.name, given, watch.stages))


def stages_until(before: Path | str | None) -> list[dict[str, Any]]:
    """Return what is known of the stages that led to a file.

    Raises
    ------
    InstaHideError
        When the file beside it is missing or damaged.
    """
    if before is None:
        return []
    path = Path(before).with_suffix(".json")
    stages = read_object(path).get("stages")
    if not isinstance(stages, list) or not all(map(_is_timed, stages)):
        raise InstaHideError(f"{path} tells no stages: remove it, and make {before} again")
    return stages


def _is_timed(stage: Any) -> bool:
    """Tell whether this is what `Stopwatch` keeps of a stage."""
    seconds = ("wall_seconds", "cpu_seconds", "peak_memory_bytes")
    return isinstance(stage, dict) and all(
        isinstance(stage.get(name), int | float) for name in seconds
    )


def load_product(stage: str, before: Path | str | None) -> Any:
    """Read what the stage before `stage` made; None where there is none."""
    if before is None:
        return None
    if stage == "assignment":
        return load_npy(before)
    if stage == "retrieval":
        return load_assignment(before)
    return load_state(before)


SAVE: dict[str, Callable[[Path, Any], None]] = {
    "similarity": save_npy,
    "assignment": save_assignment,
    "retrieval": save_state,
}
