"""Running an attack: all its steps at once, or each from the files that the last one left.

Every step has random numbers of its own, so that it makes the same bits either way. What the
attacker was given is told here, from what is handed over, and not by the attack.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from instahide.attacks.given import what_is_given
from instahide.attacks.needs import check_needs, size_of
from instahide.attacks.nothing import NothingToGoOn
from instahide.attacks.products import check_product, load_product, save_product, writes_itself
from instahide.attacks.protocol import Knowledge, Recovery, Run, Stopwatch, save_recovery
from instahide.attacks.recipe import Attack, Step
from instahide.attacks.seen import Seen
from instahide.choice import load_function
from instahide.errors import InstaHideError
from instahide.files import atomic, save_json
from instahide.progress import announce
from instahide.smalljson import read_object

StepObserver = Callable[[str, Any], object]
UNMOVED = (
    "this attack looks for images as they are, and those of the challenge were cropped, "
    "flipped or turned before they were mixed: it will find next to nothing; take one of the "
    "attacks augmented, augmented-classes, augmented-none and augmented-pool"
)


def step_rng(number: int, seed: int, part: int | None = None) -> np.random.Generator:
    """Return the random numbers of a step, or of one of its parts.

    Raises
    ------
    InstaHideError
        When the seed is negative.
    """
    if seed < 0:
        raise InstaHideError(f"the attack's seed {seed} is negative; use 0 or more")
    return np.random.default_rng([seed, number] if part is None else [seed, number, part])


def view_of(attack: Attack, seen: Seen) -> Any:
    """Return what an attack's steps are called with, see also `check_encoding`.

    Warns where images were augmented and the attack does not look for that.
    """
    check_encoding(attack, seen.encoding)
    if attack.unmoved and seen.about.get("augmentation"):
        announce(UNMOVED)
    return load_function(attack.view)(seen) if attack.view else seen


def check_encoding(attack: Attack, encoding: str) -> None:
    """Refuse an attack on other encodings than a challenge's.

    Raises
    ------
    InstaHideError
        Names both.
    """
    if not attack.suits(encoding):
        raise InstaHideError(
            f"the attack {attack.name or attack.family} is on {' or '.join(attack.encodings)}, "
            f"and the challenge was made by the encoding {encoding}"
        )


def recover(
    attack: Attack,
    seen: Seen,
    *,
    seed: int = 0,
    threads: int = 1,
    observe: StepObserver | None = None,
) -> tuple[Recovery, Stopwatch]:
    """Recover the private images of a challenge, all steps in this process.

    Parameters
    ----------
    attack : Attack
    seen : Seen
    seed : int
        Of the attack's own random numbers.
    threads : int
        For the steps that take a number of threads.
    observe : callable, optional
        Sees the name and the product of every step, and what steps that take an observer
        show it, to measure them.

    Raises
    ------
    InstaHideError
        When a step cannot take this challenge, or needs more memory than there is.
    """
    return run_steps(
        attack.steps, view_of(attack, seen), seed=seed, threads=threads, observe=observe
    )


def run_steps(
    steps: Sequence[Step],
    view: Any,
    *,
    seed: int = 0,
    observe: StepObserver | None = None,
    threads: int = 1,
) -> tuple[Any, Stopwatch]:
    """Run steps one after the other; returns what the last makes, and the time they took.

    Parameters
    ----------
    view : object
        What the steps see, such as a `Seen`.
    """
    watch, before = Stopwatch(), ()
    announce(check_needs([step.choice for step in steps], size_of(view)), detail=True)
    with tempfile.TemporaryDirectory() as scratch:
        for number, step in enumerate(steps):
            text = f"step {number + 1} of {len(steps)}: {step.name} ({step.choice.text})"
            announce(text, detail=True)
            offers = {"path": Path(scratch, f"{number}-{step.product}"), "threads": threads}
            offers |= {"part": (0, 1), "observe": observe}
            with watch.stage(step.name, choice=step.choice.text):
                product = run_step(step, view, before, step_rng(number, seed), offers)
            if observe:
                observe(step.name, product)
            before = ([product] if step.parts > 1 else product,)
    return product, watch


def run_step(
    step: Step,
    view: Any,
    before: tuple[Any, ...],
    rng: np.random.Generator,
    offers: Mapping[str, Any] | None = None,
) -> Any:
    """Run one step, and check what it returns.

    Parameters
    ----------
    step : Step
    view : object
        What it sees.
    before : tuple
        What the step before made; empty for the first.
    rng : Generator
    offers : mapping, optional
        What it may ask for by a keyword, see `instahide.attacks.recipe.OFFERED`.

    Returns
    -------
    object
        Its product; the path, where it wrote that itself.

    Raises
    ------
    InstaHideError
        When the step cannot take this challenge, or returns what the next cannot take.
    """
    known, offers = step.choice.keywords(), offers or {}
    asked = {
        name: offers[name] for name in offers if name in known and offers[name] is not None
    }
    with explained_step(step):
        product = step.choice(view, *before, rng, **asked)
    rows, _ = view.table_shape
    check_product(product, step, rows, view.shape)
    return offers["path"] if writes_itself(step) else product


@contextlib.contextmanager
def explained_step(step: Step) -> Iterator[None]:
    """Turn what a step of the project raises about rows that are no encryptions to sentences.

    The functions of one's own keep their tracebacks.
    """
    what, choice = f"{step.name} ({step.choice.text})", step.choice
    try:
        yield
    except MemoryError as error:
        raise InstaHideError(f"{what}: not enough memory: {error}") from None
    except np.linalg.LinAlgError as error:
        if choice.is_own:
            raise
        raise NothingToGoOn(
            f"{what} finds no solution ({error}): are these the encryptions and labels of one "
            "challenge?"
        ) from error
    except (TypeError, ValueError) as error:
        if choice.is_own or not choice.options:
            raise
        raise InstaHideError(
            f"{what}: the value of an option does not suit: {error}"
        ) from error


def save_attack(out: Path | str, attack: Attack, seen: Seen, **options: Any) -> None:
    """Run all steps, see `recover`, and write the attack's folder."""
    given = given_to(attack, seen)  # beforehand: the attack could change what it sees
    recovery, watch = recover(attack, seen, **options)
    save_recovery(out, recovery, Run(attack.name, given, watch.stages, attack.baseline))


def save_step(
    out: Path | str,
    attack: Attack,
    before: Sequence[Path | str],
    seen: Seen,
    *,
    part: tuple[int, int] | None = None,
    seed: int = 0,
    threads: int = 1,
    pool: Path | str | None = None,
) -> None:
    """Run the last step of (the beginning of) an attack from files, and leave its own.

    Beside the file of every step but an attack's last, a ``.json`` of its name keeps the steps
    until then with seconds and memory.

    Parameters
    ----------
    out : path
        File; for the last step of all ``decryption.npy`` of the attack's folder.
    attack : Attack
        As far as it is to be run, see `Attack.until`.
    before : sequence of path
        The files of the step before; none for the first.
    seen : Seen
    part : tuple of int, optional
        Number and count of the parts, of a step that has parts.
    pool : path or None
        The challenge's pool, to tell whether the attacker's photos are of it; for the last.
    """
    out, step, watch = Path(out), attack.steps[-1], Stopwatch()
    earlier, products = steps_until(before), _load_before(attack, before)
    given, view = given_to(attack, seen, pool), view_of(attack, seen)
    announce(check_needs([step.choice], size_of(view)))
    state = out.with_name(f"{out.name}.state")  # of a step that an interruption may break
    rng = step_rng(len(attack.steps) - 1, seed, None if part is None else part[0])
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(atomic(out, secret=True)) if writes_itself(step) else out
        offers = {"path": path, "state": state, "threads": threads, "part": part or (0, 1)}
        with watch.stage(step.name, choice=step.choice.text):
            product = run_step(step, view, products, rng, offers)
    done = [*earlier, *watch.stages]
    if isinstance(product, Recovery):
        _clear(out.parent)
        save_recovery(out.parent, product, Run(attack.name, given, done, attack.baseline))
    else:
        save_product(out, product, step)
        save_json(account(out), {"stages": done})
    state.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """Remove what an earlier run of an attack has left that this one may not make."""
    for left in (folder / "private.npy", *folder.glob("*.npz")):
        left.unlink(missing_ok=True)


def account(product: Path | str) -> Path:
    """Return the file beside a step's product that tells how it came to be."""
    path = Path(product)
    return path.with_name(f"{path.name}.json")


def given_to(attack: Attack, seen: Seen, pool: Path | str | None = None) -> Knowledge:
    """Return what the attacker is given; of a baseline it is told that it is one."""
    if attack.baseline:
        return Knowledge(labels="none", images=False)
    return replace(what_is_given(seen, pool), generator=attack.generator)


def _load_before(attack: Attack, before: Sequence[Path | str]) -> tuple[Any, ...]:
    """Read what the step before the last one left."""
    if not before:
        return ()
    step = attack.steps[-2]
    found = [load_product(Path(path), step) for path in before]
    return (found,) if step.parts > 1 else tuple(found)


def steps_until(before: Sequence[Path | str]) -> list[dict[str, Any]]:
    """Return what is known of the steps that led to some files, parts of one step joined.

    Raises
    ------
    InstaHideError
        When the file beside one is missing or damaged.
    """
    accounts = [_read_account(account(path)) for path in before]
    return [join_parts(parts) for parts in zip(*accounts, strict=True)]


def join_parts(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one account of a step for those of its parts: sums of times, the most memory."""
    times = {
        name: round(sum(part[name] for part in parts), 3)
        for name in ("wall_seconds", "cpu_seconds")
    }
    peak = max(part["peak_memory_bytes"] for part in parts)
    return {**parts[0], **times, "peak_memory_bytes": peak}


def _read_account(path: Path) -> list[dict[str, Any]]:
    stages = read_object(path).get("stages")
    if not isinstance(stages, list) or not stages or not all(map(_is_timed, stages)):
        raise InstaHideError(f"{path} tells no steps: remove it, and make what is beside it")
    return stages


def _is_timed(stage: Any) -> bool:
    """Tell whether this is what `Stopwatch` keeps of a step."""
    numbers = ("wall_seconds", "cpu_seconds", "peak_memory_bytes")
    return isinstance(stage, dict) and all(
        isinstance(stage.get(name), int | float) for name in numbers
    )
