"""Whether anybody's implementation does what InstaHide says, told from its outputs.

The implementation encrypts probes (`instahide.training.probes`) from whose rows coefficients,
members and masks can be read. Each verdict is a test whose level is about 10⁻⁶, so a right
implementation fails one in some 100,000 times; its power is that of a thousand rows: what is
subtler than that passes. Nothing here can tell that masks are unpredictable, only that they are
predictable in one of the ways that were met.

    >>> from instahide.training.transform import InstaHide
    >>> report = check(lambda public: InstaHide(10, public=public), torch=False)
    >>> report.passed
    True
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from scipy.stats import ks_2samp, poisson

from instahide.encodings.instahide.plan import draw_coefficients
from instahide.encodings.instahide.scheme import Scheme
from instahide.errors import InstaHideError
from instahide.pytorch import import_torch
from instahide.randomness.keystream import Key
from instahide.training.probes import (
    LABELS_OF_PROBES,
    PRIVATE,
    PUBLIC,
    SHAPE,
    Rows,
    probe_images,
)
from instahide.training.trials import (
    Inputs,
    Trial,
    call_in_workers,
    call_often,
    call_seeded,
    convert,
    has_torch,
)

LEVEL = 1e-6
OURS = 40_000  # rows of the sample that coefficients are compared with
SIGMA = 6.0  # of sums of signs
SIGMA_OF_PAIRS = 7.5  # of the largest of a million of them
FLOAT_MARGIN = 1e-4  # by which float32 may exceed a bound


@dataclass(frozen=True)
class Verdict:
    """What one check says.

    Attributes
    ----------
    name : str
        What is checked.
    passed : bool
    found : str
        A sentence with figures.
    """

    name: str
    passed: bool
    found: str


@dataclass(frozen=True)
class Report:
    """All verdicts; prints as a table.

    Attributes
    ----------
    verdicts : tuple of Verdict
    skipped : tuple of str
        What was not looked at, since an earlier fault hides it.
    """

    verdicts: tuple[Verdict, ...]
    skipped: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no fault was found."""
        return all(verdict.passed for verdict in self.verdicts)

    @property
    def faults(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(verdict.name for verdict in self.verdicts if not verdict.passed)

    def __str__(self) -> str:
        lines = [
            f"{'ok   ' if verdict.passed else 'FAULT'}  {verdict.name:12}  {verdict.found}"
            for verdict in self.verdicts
        ]
        lines += [f"-      {name:12}  not looked at" for name in self.skipped]
        return "\n".join(lines)


def check(
    make: Callable[[Any], Callable[[Any, Any], tuple[Any, Any]]],
    scheme: Scheme | None = None,
    *,
    batches: int = 80,
    inputs: Inputs = "uint8",
    torch: bool | None = None,
) -> Report:
    """Check an implementation.

    Parameters
    ----------
    make : callable
        Called once with the public images, uint8 (96, 3, 32, 32) (or as `inputs` says), None
        where the scheme mixes none. Returns the transform: of a batch (32, 3, 32, 32) and
        classes (32,) below 10, to encryptions (32, 3, 32, 32) on [-1, 1] and labels (32, 10).
        Where it has `set_epoch`, it is told of epochs.
    scheme : Scheme, optional
        What it is said to be; by default cross with k = 4.
    batches : int
        Calls in this process; more find subtler faults.
    inputs : {"uint8", "unit", "signed"}
        Bytes, floats on [0, 1], or floats on [-1, 1].
    torch : bool, optional
        Give tensors, and try workers of a DataLoader; else arrays, and forked processes. By
        default, whether PyTorch is installed.

    Raises
    ------
    InstaHideError
        When it returns something else, or the scheme does not fit the probes.
    """
    scheme = scheme or Scheme("cross", k=4)
    _check_request(scheme, batches)
    torch = has_torch() if torch is None else torch
    trial = Trial(make(_public(scheme, inputs, torch)), inputs, torch)
    often = call_often(trial, batches)
    verdicts = [range_verdict(often)]
    later = ("coefficients", "partners", "labels", "signs", "seeds", "workers", "epochs")
    later += ("public",) if scheme.public_count else ()
    if verdicts[0].passed:
        verdicts.append(mixture_verdict(often))
    if not verdicts[-1].passed:
        return Report(tuple(verdicts), later)
    verdicts += [
        coefficient_verdict(often, scheme),
        partner_verdict(often, scheme),
        *([public_verdict(often, scheme)] if scheme.public_count else []),
        label_verdict(often),
        sign_verdict(often, scheme),
    ]
    seeded, worked = call_seeded(trial), call_in_workers(trial)
    return Report((*verdicts, *repetition_verdicts(often, seeded, worked, scheme)))


def _check_request(scheme: Scheme, batches: int) -> None:
    if batches < 10:
        raise InstaHideError(f"batches = {batches}: use 10 or more, or nothing can be told")
    if scheme.k > 16:
        raise InstaHideError(f"k = {scheme.k}: the probes serve up to 16 images in a mixture")


def _public(scheme: Scheme, inputs: Inputs, torch: bool) -> Any:
    if not scheme.public_count:
        return None
    public = convert(probe_images()[1], inputs)
    return import_torch().from_numpy(public) if torch else public


def range_verdict(rows: Rows) -> Verdict:
    """Look whether rows lie on [-1, 1]."""
    largest = float(np.abs(rows.released).max())
    return Verdict(
        "range", largest <= 1 + FLOAT_MARGIN, f"the largest magnitude is {largest:.4f}"
    )


def mixture_verdict(rows: Rows) -> Verdict:
    """Look whether each row is a mixture under one mask, with coefficients that sum to 1.

    Where signs are flipped inside the mixing, of each image by itself, it is not (another
    scheme); nor where noise is added.
    """
    share = float(rows.are_mixtures.mean())
    return Verdict(
        "mask",
        share == 1.0,
        f"{share:.1%} of rows are a mixture whose signs are flipped as a whole"
        + ("" if share == 1.0 else ": signs are flipped inside it, or something is added"),
    )


def coefficient_verdict(rows: Rows, scheme: Scheme) -> Verdict:
    """Look whether coefficients keep the bounds and the law |N(0, 1)| over its sum.

    Compared with a sample of our own by Kolmogorov and Smirnov: of each row the largest and the
    second private coefficient and the largest public one. Rows that hold an image twice are
    left to `partner_verdict`.
    """
    whole = rows.part(_members_right(rows, scheme))
    if not len(whole):
        return Verdict("coefficients", False, f"no row holds {scheme.k} images as it should")
    largest = float(whole.weights.max())
    smallest = float(whole.private.sum(axis=1).min())
    over = largest > scheme.c1 + FLOAT_MARGIN
    under = scheme.public_count > 0 and smallest < scheme.c2 - FLOAT_MARGIN
    level = _level_of_law(whole, scheme)
    found = f"the largest is {largest:.3f} (c1 = {scheme.c1})"
    if scheme.public_count:
        found += f", the smallest private sum {smallest:.3f} (c2 = {scheme.c2})"
    found += f", p = {level:.1g} that they have the law of |N(0, 1)| over its sum"
    return Verdict("coefficients", not over and not under and level > LEVEL, found)


def _level_of_law(rows: Rows, scheme: Scheme) -> float:
    """Return the least level at which a sample of our own and these rows differ."""
    stream = Key.from_seed(1).stream("coefficient")
    ours = draw_coefficients(stream, np.arange(OURS), scheme)
    ours = _statistics(ours[:, : scheme.private_count], ours[:, scheme.private_count :])
    theirs = _statistics(rows.private, rows.public)
    return min(ks_2samp(*pair).pvalue for pair in zip(theirs, ours, strict=True))


def _members_right(rows: Rows, scheme: Scheme) -> np.ndarray:
    """Tell which rows hold as many different private and public images as they should."""
    private, public = (rows.private > 0).sum(axis=1), (rows.public > 0).sum(axis=1)
    return (private == scheme.private_count) & (public == scheme.public_count)


def _statistics(private: np.ndarray, public: np.ndarray) -> list[np.ndarray]:
    """Return what the laws are compared by; each has one value a row."""
    ordered = np.sort(private, axis=1)
    found = [ordered[:, -1], ordered[:, -2]]
    return [*found, public.max(axis=1)] if public.any() else found


def partner_verdict(rows: Rows, scheme: Scheme) -> Verdict:
    """Look whether each row holds as many different images as it should.

    A coefficient below the reader's tolerance is not seen: some rows in 10,000.
    """
    wrong, private = ~_members_right(rows, scheme), (rows.private > 0).sum(axis=1)
    most = poisson.isf(LEVEL, len(rows) * scheme.k * 1e-4)
    found = (
        f"{wrong.mean():.1%} of rows hold other than {scheme.private_count} private and "
        f"{scheme.public_count} public images"
    )
    if (share := (private < scheme.private_count).mean()) and wrong.sum() > most:
        found += f"; in {share:.1%} a private image is mixed with itself"
    return Verdict("partners", bool(wrong.sum() <= most), found)


def public_verdict(rows: Rows, scheme: Scheme) -> Verdict:
    """Look whether each row draws its public images for itself, from all there are."""
    used = rows.public > 0
    unused = int((~used.any(axis=0)).sum())
    shared, same = 0, 0
    for batch in np.unique(rows.batches):
        part = used[rows.batches == batch].astype(np.int64)
        common = part @ part.T
        pairs = common[np.triu_indices(len(part), 1)]
        shared, same = shared + pairs.sum(), same + (pairs >= scheme.public_count).sum()
    pairs = len(np.unique(rows.batches)) * comb(PRIVATE, 2)
    expected = pairs * scheme.public_count**2 / PUBLIC
    # Sharing is nearly Poisson; half as much again is allowed for what it is not.
    off = abs(shared - expected) > 1.5 * SIGMA * np.sqrt(expected)
    twice = same > poisson.isf(LEVEL, max(1e-9, pairs / comb(PUBLIC, scheme.public_count)))
    missed = unused * (1 - scheme.public_count / PUBLIC) ** len(rows) < LEVEL and unused
    return Verdict(
        "public",
        not (off or twice or missed),
        f"rows of a batch share {shared} public images ({expected:.0f} if drawn afresh), "
        f"{same} pairs of rows share all; {unused} of {PUBLIC} are never used",
    )


def label_verdict(rows: Rows) -> Verdict:
    """Look whether labels are, for each class, the sum of private coefficients."""
    wanted = rows.private @ np.eye(10)[LABELS_OF_PROBES]
    off = float(np.abs(rows.labels - wanted).max())
    return Verdict(
        "labels",
        off < 1e-3,
        f"the largest difference to the sum of private coefficients is {off:.2g}",
    )


def sign_verdict(rows: Rows, scheme: Scheme) -> Verdict:
    """Look whether each pixel and channel of each row has a fair sign of its own."""
    if not scheme.masked:
        flipped = float((rows.signs < 0).mean())
        return Verdict(
            "signs", flipped == 0, f"{flipped:.1%} are flipped; {scheme.name} has none"
        )
    signs = rows.signs.reshape(-1, *SHAPE)
    together = {
        "flipped": signs,
        "equal in two channels": signs * np.roll(signs, 1, axis=1),
        "equal side by side": signs[..., 1:] * signs[..., :-1],
        "equal one above the other": signs[..., 1:, :] * signs[..., :-1, :],
    }
    off = [name for name, value in together.items() if abs(_sigmas(value)) > SIGMA]
    same_pixel = np.abs(rows.signs.sum(axis=0)).max() / np.sqrt(len(rows))
    alike = largest_agreement(rows.signs, rows.signs, rows.batches, rows.batches, within=True)
    found = "; ".join(
        f"{(1 + value.mean()) / 2:.1%} {name.replace('flipped', 'kept')}"
        for name, value in together.items()
    )
    found += f"; two rows of a batch agree in {alike:.1%} at most"
    good = not off and same_pixel < SIGMA_OF_PAIRS and not repeats(alike)
    return Verdict("signs", bool(good), found)


def _sigmas(values: np.ndarray) -> float:
    """Return the sum of ±1 in standard deviations."""
    return float(values.sum(dtype=np.float64) / np.sqrt(values.size))


def repetition_verdicts(
    often: Rows, seeded: Rows, worked: Rows, scheme: Scheme
) -> list[Verdict]:
    """Look whether randomness comes again: after a seed, between calls, workers, epochs.

    Parameters
    ----------
    often : Rows
        Of calls in this process.
    seeded : Rows
        Of two calls, ordinary generators seeded alike before each.
    worked : Rows
        Of two epochs; batches 0 to 3 of the first one, 4 to 7 of the second.
    """
    epoch = worked.batches // 4
    first = worked.part(epoch == 0)
    asked = {
        "seeds": (seeded, seeded.batches, "after the same seed of Python, NumPy and PyTorch"),
        "calls": (often, often.batches, "of two calls"),
        "workers": (first, first.batches, "of two calls in the workers of an epoch"),
        "epochs": (worked, epoch, "of two epochs of workers"),
    }
    found = []
    for name, (rows, scopes, meaning) in asked.items():
        if scheme.masked:
            share = largest_agreement(rows.signs, rows.signs, scopes, scopes, within=False)
            text = f"masks {meaning} agree in {share:.1%} at most"
            found.append(Verdict(name, not repeats(share), text))
        else:
            share = same_coefficients(rows, scopes)
            text = f"{share:.0%} of rows have the coefficients of the same row {meaning}"
            found.append(Verdict(name, share < 0.5, text))
    return found


def same_coefficients(rows: Rows, scopes: np.ndarray) -> float:
    """Return the largest share of rows that two calls of different scopes have alike.

    Row r of a call is compared with row r of another; in order of size, since the images that
    coefficients belong to differ.
    """
    calls = np.sort(rows.weights, axis=1).reshape(-1, PRIVATE, rows.weights.shape[1])
    scopes = scopes[::PRIVATE]
    return max(
        float((np.abs(one - other).max(axis=1) < FLOAT_MARGIN).mean())
        for number, one in enumerate(calls)
        for other in calls[scopes != scopes[number]]
    )


def largest_agreement(
    one: np.ndarray,
    two: np.ndarray,
    scopes_of_one: np.ndarray,
    scopes_of_two: np.ndarray,
    *,
    within: bool,
) -> float:
    """Return the largest share of equal signs of two rows, of one scope or of different ones.

    Parameters
    ----------
    one, two : ndarray of float32, shapes (m, d), (n, d)
        ±1.
    scopes_of_one, scopes_of_two : ndarray, shapes (m,), (n,)
        Such as the batch of each row.
    within : bool
        Compare rows of equal scope (a row not with itself), or else of different ones.
    """
    same = scopes_of_one[:, None] == scopes_of_two[None]
    asked = same if within else ~same
    if within:
        np.fill_diagonal(asked, False)
    alike = np.abs(one @ two.T) / one.shape[1]  # opposite signs are as bad as equal ones
    return float((1 + alike[asked].max()) / 2)


def repeats(share: float) -> bool:
    """Tell whether two rows agree in more signs than chance explains in a million pairs."""
    return 2 * share - 1 > SIGMA_OF_PAIRS / np.sqrt(np.prod(SHAPE))
