"""The attack `learnt-mask`: a network that learned to take masks off.

InstaHide's authors tried to undo the mask by a generative adversarial network (Huang et al.
2020, in their experiments). Nothing is secret in what it learns from: whoever has photos of the
public kind mixes and masks as many as he likes. Here it is a small U-shaped network (three
sizes, so that it can see a whole region at once), which is given |y| and returns what the row
was before, up to one sign for all of it: the error is taken with the sign that makes it
smaller. A discriminator is left out, since it rewards what looks right, not what is.

Beside it stands what needs no learning, `instahide.attacks.unmixing.parts.alone`.

PyTorch is an extra, and is imported when a network is asked for.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.coefficients import simulate_coefficients
from instahide.attacks.unmixing.parts.labels import check_masked
from instahide.attacks.unmixing.problem import Problem
from instahide.errors import InstaHideError
from instahide.progress import tracked
from instahide.pytorch import as_planes, import_torch, steadily

CHANNELS = 24  # of the largest size; twice as many of the others
TIMES = 8  # sides are a multiple of this inside
LEARNT_AT_ONCE = 32  # in a step of learning
MASK_STEPS = 1200
PEAK_RATE, RISING = 2e-3, 0.05  # of Adam, and the share of steps in which it is reached
DRAWN = 20_000  # coefficients that are drawn at once
UNMASKED_AT_ONCE = 100
LARGER = 4.0  # what a row is multiplied by before the network: rows are small beside 1


def learn_masks_needs(size: Size) -> float:
    """Bytes: rows unmasked and clipped, and what a batch is inside the network."""
    inside = FLOAT * UNMASKED_AT_ONCE * size.pixels * (4 * CHANNELS)
    return 2 * size.table + inside + 3e8


def learn_masks_seconds(size: Size) -> float:
    """Processor seconds: learning, and the rows."""
    return 5e-7 * size.pixels * (3 * MASK_STEPS * LEARNT_AT_ONCE + size.rows)


def learn_masks(
    problem: Problem, rng: np.random.Generator, *, steps: int = MASK_STEPS
) -> Recovery:
    """Learn from mixtures of public photos to take masks off, and take them off: the only step.

    Parameters
    ----------
    problem : Problem
        With photos of the attacker's.
    rng : numpy.random.Generator
    steps : int
        Of learning, 32 new mixtures each.

    Returns
    -------
    Recovery
        Each row as it was before its mask, up to its sign: the mixture of all k images.

    Raises
    ------
    InstaHideError
        When PyTorch is not there, rows have no mask, there are no photos, or `steps` is no
        whole number of 1 or more.
    """
    import_torch("the attack whitened unmasks rows without it")
    check_masked(problem)
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise InstaHideError(f"steps={steps!r}: give a whole number of 1 or more")
    if not len(problem.public):
        raise InstaHideError("this attack learns from photos: give a public sample")
    network = train_unmasker(problem, rng, steps)
    rows = unmask_learnt(network, problem.magnitudes.reshape(-1, *problem.shape))
    return Recovery(
        np.clip(rows, -1, 1), None, "O(Ed)", {"learnt_from": steps * LEARNT_AT_ONCE}
    )


def train_unmasker(problem: Problem, rng: np.random.Generator, steps: int = MASK_STEPS) -> Any:
    """Train the network on mixtures that are made as they are needed.

    Returns
    -------
    torch.nn.Module
        The same one from the same `rng` on the same processor.
    """
    torch = import_torch()
    made = synthetic_mixtures(problem, rng)
    with steadily(int(rng.integers(2**63))):
        network = make_unmasker(problem.shape[2])
        optimiser = torch.optim.AdamW(network.parameters(), PEAK_RATE, weight_decay=1e-4)
        for step in tracked(range(steps), "unmasking, learnt", "steps"):
            optimiser.param_groups[0]["lr"] = PEAK_RATE * relative_rate(step / steps)
            rows = as_planes(next(made))
            optimiser.zero_grad()
            turned_error(apply_unmasker(network, rows.abs()), rows).backward()
            optimiser.step()
    return network


def relative_rate(done: float) -> float:
    """Return the rate after a share of steps, relative to the highest: up, and down a cosine.

    >>> relative_rate(RISING), relative_rate(RISING / 2), round(relative_rate(1.0), 6)
    (1.0, 0.5, 0.0)
    """
    falling = 0.5 + 0.5 * np.cos(np.pi * (done - RISING) / (1 - RISING))
    return float(falling if done > RISING else done / RISING)


def synthetic_mixtures(problem: Problem, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield batches of mixtures, as rows are without a mask, of k photos each.

    Returns
    -------
    iterator of ndarray of float32, shape (LEARNT_AT_ONCE, H, W, C)
        Coefficients are drawn as the scheme's; half of the mixtures are flipped.
    """
    photos, k = problem.public, problem.scheme.k
    while True:
        drawn = simulate_coefficients(problem.scheme, rng, DRAWN)
        drawn = drawn[problem.scheme.accepts(drawn)].astype(np.float32)
        for start in range(0, len(drawn) - LEARNT_AT_ONCE + 1, LEARNT_AT_ONCE):
            weights = drawn[start : start + LEARNT_AT_ONCE]
            members = rng.integers(len(photos), size=(LEARNT_AT_ONCE, k))
            mixed = np.zeros((LEARNT_AT_ONCE, *problem.shape), np.float32)
            for place in range(k):
                mixed += weights[:, place, None, None, None] * photos[members[:, place]]
            mixed[::2] = mixed[::2, :, ::-1]
            yield mixed


def turned_error(found: Any, rows: Any) -> Any:
    """Return the mean squared error over a row's power, each row with its better sign."""
    errors = [(found - turn * rows).square().mean(dim=(1, 2, 3)) for turn in (1, -1)]
    power = rows.square().mean(dim=(1, 2, 3)) + 1e-8
    return (import_torch().minimum(*errors) / power).mean()


def make_unmasker(channels: int) -> Any:
    """Return the network, from squares of 2 × 2 pixels to squares of 2 × 2 pixels."""
    nn, wide = import_torch().nn, 2 * CHANNELS

    def block(before: int, after: int, stride: int = 1) -> Any:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1), nn.GELU(), nn.Conv2d(after, after, 3, 1, 1),
            nn.GELU(),
        )  # fmt: skip

    return nn.ModuleDict(
        {
            "fine": block(4 * channels, CHANNELS),
            "middle": block(CHANNELS, wide, 2),
            "coarse": block(wide, wide, 2),
            "to_middle": block(2 * wide, wide),
            "to_fine": block(wide + CHANNELS, CHANNELS),
            "signs": nn.Conv2d(CHANNELS, 4 * channels, 3, 1, 1),
        }
    )


def apply_unmasker(network: Any, magnitudes: Any) -> Any:
    """Return rows with signs, a tensor as `magnitudes`, (n, C, H, W)."""
    torch = import_torch()
    functional, (height, width) = torch.nn.functional, magnitudes.shape[2:]
    whole = functional.pad(
        magnitudes, (0, -width % TIMES, 0, -height % TIMES), mode="replicate"
    )
    fine = network["fine"](functional.pixel_unshuffle(LARGER * whole, 2))
    middle = network["middle"](fine)
    coarse = network["coarse"](middle)
    middle = network["to_middle"](torch.cat([_twice(coarse), middle], dim=1))
    fine = network["to_fine"](torch.cat([_twice(middle), fine], dim=1))
    signs = functional.pixel_shuffle(network["signs"](fine), 2).tanh()
    return magnitudes * signs[:, :, :height, :width]


def unmask_learnt(network: Any, magnitudes: np.ndarray) -> np.ndarray:
    """Return rows (E, H, W, C) without their masks, up to a sign of each."""
    rows = np.empty_like(magnitudes)
    with import_torch().no_grad(), steadily(0):
        for start in range(0, len(rows), UNMASKED_AT_ONCE):
            some = slice(start, start + UNMASKED_AT_ONCE)
            found = apply_unmasker(network, as_planes(magnitudes[some]))
            rows[some] = found.numpy().transpose(0, 2, 3, 1)
    return rows


def _twice(planes: Any) -> Any:
    return import_torch().nn.functional.interpolate(planes, scale_factor=2, mode="nearest")
