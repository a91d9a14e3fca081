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

from instahide.attacks.accounts import account, check_digest, digest_of, steps_until
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
            given, rng = ((), 0) if step.beside else (before, number)
            with watch.stage(step.name, choice=step.choice.text):
                product = run_step(step, view, given, step_rng(rng, seed), offers)
            watch.stages[-1] |= digest_of(step, product)
            if observe:
                observe(step.name, product)
            made = [product] if step.parts > 1 else product
            before = (*before, made) if step.beside else (made,)
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
        What the step before made, and those beside it; empty for the first.
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
        The files of the steps before, see `Attack.left_before`; none for the first.
    seen : Seen
    part : tuple of int, optional
        Number and count of the parts, of a step that has parts.
    pool : path or None
        The challenge's pool, to tell whether the attacker's photos are of it; for the last.
    """
    out, step, watch = Path(out), attack.steps[-1], Stopwatch()
    earlier, products = _read_before(attack, [Path(path) for path in before])
    given, view = given_to(attack, seen, pool), view_of(attack, seen)
    announce(check_needs([step.choice], size_of(view)))
    state = out.with_name(f"{out.name}.state")  # of a step that an interruption may break
    rng = step_rng(len(attack.steps) - 1, seed, None if part is None else part[0])
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(atomic(out, secret=True)) if writes_itself(step) else out
        offers = {"path": path, "state": state, "threads": threads, "part": part or (0, 1)}
        with watch.stage(step.name, choice=step.choice.text):
            product = run_step(step, view, products, rng, offers)
        watch.stages[-1] |= digest_of(step, product)
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


def given_to(attack: Attack, seen: Seen, pool: Path | str | None = None) -> Knowledge:
    """Return what the attacker is given; of a baseline it is told that it is one."""
    if attack.baseline:
        return Knowledge(labels="none", images=False)
    return replace(what_is_given(seen, pool), generator=attack.generator)


def _read_before(
    attack: Attack, files: Sequence[Path]
) -> tuple[list[dict[str, Any]], tuple[Any, ...]]:
    """Read what the steps before the last one left; return their accounts and products."""
    stages, products, files = [], [], list(files)
    for number in attack.before(len(attack.steps) - 1):
        step = attack.steps[number]
        own, files = files[: step.parts], files[step.parts :]
        stages += steps_until(own)
        for path in own:
            check_digest(path, step)
        found = [load_product(path, step) for path in own]
        products.append(found if step.parts > 1 else found[0])
    return stages, tuple(products)
