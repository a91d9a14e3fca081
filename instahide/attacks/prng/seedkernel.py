"""The first part of the seed search: which seeds of a range may fit released labels.

A row of labels shows the sum of its first two coefficients and, where the two private
images differ in class, their gap |λ₀ - λ₁|; the order stays unknown. A seed fits when
every row that it draws within the bounds shows the released sum and gap, and every row
that it draws out of bounds does so after its redraws. Compiled code finds out in steps:

1. **Sieve**, on `LANES` seeds at a time so that each loop over lanes becomes vector
   instructions. It makes the first polar pairs of the normal sampler in single precision
   and drops a seed at the first row that is certainly within the bounds and certainly
   not the released one. A row that may be out of bounds is passed over, for its values
   come later in the stream. So no row has to be chosen for the test, and neither a
   redrawn first row nor a rejected pair nor two images of one class can cost the seed.
   To try p pairs, MT19937 is seeded only as far as word 397 + 4·p, and of each pair of
   outputs that make a number only the high one is formed.
2. **A longer sieve**, the same with more pairs, on the ninth of the seeds that are left.
3. **Replay** of the rest, one in a thousand with ten rows of k = 6, in double precision:
   all rows, redraws too (`instahide.attacks.prng.seedreplay`).

Single precision is off by 2·10⁻⁴ at most; the sieve's margins are five times that, and a
seed with a pair too close to the edge of rejection goes to the replay undecided.
"""

import math
from collections import namedtuple

import numpy as np
from numba import njit

LANES = 128
FEW, MANY = 12, 40  # polar pairs that the two sieves try; .785 of them are accepted
SHIFT = 397
UNROLL = 3  # steps between memory accesses; more leave fewer vectors in flight

MARGIN = np.float32(1e-3)
EDGE = np.float32(1e-6)
ANYTHING = 2.0  # tolerance of a gap that the labels do not show

MULTIPLIER = np.uint32(1812433253)
TWIST = np.uint32(0x9908B0DF)
UPPER, LOWER, ONE = np.uint32(0x80000000), np.uint32(0x7FFFFFFF), np.uint32(1)
HALF_RANGE, HALF = np.float32(2.0**-31), np.float32(0.5)
# log2(m) ≈ 1 + (m - 2)·(LOG[0] + LOG[1]·m + …) on [1, 2): a fit in Chebyshev points,
# exact at 2, so that the relative error stays below 4e-4 where the logarithm goes to 0.
LOG = tuple(np.float32(c) for c in (1.7089259, -1.04852881, 0.40128063, -0.06198425))
MINUS_TWO_LN_2 = np.float32(-2 * math.log(2))
MANTISSA, EXPONENT_OF_ONE = np.int32(0x007FFFFF), np.int32(0x3F800000)

Workspace = namedtuple(
    "Workspace",
    "state low x y first second step place unsure sizes flat total largest alive",
)

# The NumPy error model leaves out tests for division by zero, which prevent vectors.
compiled = njit(nogil=True, cache=True, error_model="numpy")


@compiled
def scan(start, count, k, c1, c2, sums, gaps, found):
    """Write every seed from `start` to `start + count - 1` that may fit; return how many.

    Parameters
    ----------
    start, count : int
        The range of seeds, within 0 … 2³².
    k : int
        Images mixed in each row.
    c1, c2 : float
        Bounds of the coefficients, see `historical.coefficients`.
    sums, gaps : ndarray of float64, shape (m,)
        λ₀ + λ₁ and |λ₀ - λ₁| of the first rows; a gap of -1 is not known.
    found : ndarray of uint32, shape (count,)
        Receives the seeds, in ascending order.
    """
    work = _workspace()
    seeds = np.empty(LANES, np.uint32)
    passed = np.empty(2 * LANES, np.uint32)
    waiting = total = 0
    for offset in range(0, count, LANES):
        for lane in range(LANES):
            seeds[lane] = np.uint32(start + offset + lane)
        _sieve(seeds, FEW, k, c1, c2, sums, gaps, work)
        for lane in range(min(LANES, count - offset)):
            passed[waiting] = seeds[lane]
            waiting += work.alive[lane]
        last = offset + LANES >= count
        while waiting >= LANES or (last and waiting > 0):
            ready = min(LANES, waiting)
            _sieve(passed[:LANES], MANY, k, c1, c2, sums, gaps, work)
            for lane in range(ready):
                if work.alive[lane]:
                    found[total] = passed[lane]
                    total += 1
            waiting -= ready
            passed[:waiting] = passed[ready : ready + waiting].copy()
    return total


@compiled
def _workspace():
    """Allocate the arrays that the sieve uses over and over, one column or place a lane."""
    sizes = np.empty((2 * MANY, LANES), np.float32)
    return Workspace(
        state=np.empty(LANES, np.uint32),
        low=np.empty((2 * MANY, LANES), np.uint32),
        x=np.empty(LANES, np.float32),
        y=np.empty(LANES, np.float32),
        first=np.empty(LANES, np.float32),
        second=np.empty(LANES, np.float32),
        step=np.empty(LANES, np.uint32),
        place=np.empty(LANES, np.uint32),
        unsure=np.empty(LANES, np.uint32),
        sizes=sizes,
        flat=sizes.ravel(),
        total=np.empty(LANES, np.float32),
        largest=np.empty(LANES, np.float32),
        alive=np.empty(LANES, np.uint32),
    )


@compiled
def _sieve(seeds, attempts, k, c1, c2, sums, gaps, work):
    """Set `work.alive` to 0 where a seed's first `attempts` pairs rule it out, else to 1."""
    _draw_sizes(seeds, attempts, work)
    for lane in range(LANES):
        work.alive[lane] = np.uint32(1)
    for row in range(min(len(sums), 2 * attempts // k)):
        _sum_row(row, k, work)
        _drop_unlike(row, k, c1, c2, sums[row], gaps[row], work)


@compiled
def _draw_sizes(seeds, attempts, work):
    """Fill `work.sizes` with each seed's first |normals|, in order of the draws."""
    for lane in range(LANES):
        work.state[lane] = seeds[lane]
        work.place[lane] = np.uint32(lane)
        work.unsure[lane] = np.uint32(0)
    _twist_low_words(attempts, work.state, work.low)
    _advance(work.state, 4 * attempts, SHIFT - 4 * attempts)
    for attempt in range(attempts):
        word = SHIFT + 4 * attempt
        _uniforms(word, work.low[2 * attempt], work.low[2 * attempt + 1], work)
        _polar(work.x, work.y, work)
        _append(work)


@compiled
def _uniforms(word, low_x, low_y, work):
    """Make the next pair of numbers in [-1, 1]; `work.state` holds initial word `word`."""
    state, x, y = work.state, work.x, work.y
    for lane in range(LANES):
        x[lane] = _uniform(low_x[lane] ^ state[lane])
        third = _next(_next(state[lane], word + 1), word + 2)
        y[lane] = _uniform(low_y[lane] ^ third)
        state[lane] = _next(_next(third, word + 3), word + 4)


@compiled
def _polar(x, y, work):
    """Turn a pair into the sizes of two normals, and note whether it is accepted."""
    first, second, step, unsure = work.first, work.second, work.step, work.unsure
    one, none, both = np.float32(1), np.uint32(0), np.uint32(2 * LANES)
    for lane in range(LANES):
        radius = x[lane] * x[lane] + y[lane] * y[lane]
        factor = _polar_factor(radius)
        # NumPy hands out the second number of a pair first.
        first[lane] = abs(y[lane]) * factor
        second[lane] = abs(x[lane]) * factor
        step[lane] = both if radius < one else none
        # Written as arithmetic: a conditional store is slow on some processors.
        unsure[lane] |= np.uint32((abs(radius - one) < EDGE) | (radius < EDGE))


@compiled
def _append(work):
    """Append both sizes to each lane's column; a rejected pair is overwritten by the next."""
    flat, place, first, second, step = (
        work.flat, work.place, work.first, work.second, work.step,
    )  # fmt: skip
    for lane in range(LANES):
        # Unsigned places spare the test for a negative index.
        here = place[lane]
        flat[here] = first[lane]
        flat[np.uint32(here + np.uint32(LANES))] = second[lane]
        place[lane] = np.uint32(here + step[lane])


@compiled
def _sum_row(row, k, work):
    """Put the sum and the largest of a row's k sizes into `work.total`, `work.largest`."""
    total, largest = work.total, work.largest
    for lane in range(LANES):
        total[lane] = largest[lane] = np.float32(0)
    for image in range(row * k, row * k + k):
        sizes = work.sizes[image]
        for lane in range(LANES):
            size, former = sizes[lane], largest[lane]
            total[lane] += size
            largest[lane] = HALF * (size + former + abs(size - former))


@compiled
def _drop_unlike(row, k, c1, c2, shown, gap, work):
    """Drop seeds whose row is complete, surely within the bounds and surely another."""
    c1, c2 = np.float32(c1) - MARGIN, np.float32(c2) + MARGIN
    allowed = MARGIN if gap >= 0 else np.float32(ANYTHING)
    shown, gap = np.float32(shown), np.float32(gap)
    end = np.uint32((row + 1) * k * LANES)
    sizes_0, sizes_1 = work.sizes[row * k], work.sizes[row * k + 1]
    total, largest, place = work.total, work.largest, work.place
    unsure, alive = work.unsure, work.alive
    for lane in range(LANES):
        whole, a, b = total[lane], sizes_0[lane], sizes_1[lane]
        within = (largest[lane] < c1 * whole) & (a + b > c2 * whole)
        off = abs(a + b - shown * whole) > MARGIN * whole
        off |= abs(abs(a - b) - gap * whole) > allowed * whole
        sure = (place[lane] >= end) & (unsure[lane] == 0)
        alive[lane] &= np.uint32(not (within & off & sure))


@compiled
def _next(word, index):
    """Return word `index` of MT19937's initial state from the one before it."""
    # Every step is cast: Numba widens integers to 64 bits, which halves the lanes.
    mixed = np.uint32(word ^ np.uint32(word >> np.uint32(30)))
    return np.uint32(np.uint32(MULTIPLIER * mixed) + np.uint32(index))


@compiled
def _advance(state, word, steps):
    """Advance all lanes from initial word `word` by `steps` words."""
    for _ in range(steps // UNROLL):
        for lane in range(LANES):
            x = state[lane]
            for i in range(UNROLL):
                x = _next(x, word + i + 1)
            state[lane] = x
        word += UNROLL
    for _ in range(steps % UNROLL):
        word += 1
        for lane in range(LANES):
            state[lane] = _next(state[lane], word)


@compiled
def _twist_low_words(attempts, state, low):
    """Advance to word 4·attempts; keep the low words' share of outputs 0, 2, 4, … ."""
    for half in range(2 * attempts):
        word = 2 * half
        for lane in range(LANES):
            here = state[lane]
            after = _next(here, word + 1)
            low[half, lane] = _twisted(here, after)
            state[lane] = _next(after, word + 2)


@compiled
def _twisted(here, after):
    joined = np.uint32(np.uint32(here & UPPER) | np.uint32(after & LOWER))
    odd = TWIST if joined & ONE else np.uint32(0)
    return np.uint32(np.uint32(joined >> ONE) ^ odd)


@compiled
def _uniform(word):
    """Temper a word into an output; return it as a number in [-1, 1], float32.

    The legacy sampler joins 27 bits of this output with 26 of the next; the next one
    changes nothing that single precision could hold.
    """
    y = np.uint32(word)
    y = np.uint32(y ^ np.uint32(y >> np.uint32(11)))
    y = np.uint32(y ^ np.uint32(np.uint32(y << np.uint32(7)) & np.uint32(0x9D2C5680)))
    y = np.uint32(y ^ np.uint32(np.uint32(y << np.uint32(15)) & np.uint32(0xEFC60000)))
    y = np.uint32(y ^ np.uint32(y >> np.uint32(18)))
    return np.float32(np.int32(np.uint32(y ^ UPPER))) * HALF_RANGE


@compiled
def _polar_factor(radius):
    """Return sqrt(-2 ln(radius) / radius) for 0 < radius < 1, to 2e-4; float32."""
    bits = np.float32(radius).view(np.int32)
    exponent = np.float32(np.int32(bits >> np.int32(23)) - np.int32(127))
    m = np.int32(np.int32(bits & MANTISSA) | EXPONENT_OF_ONE).view(np.float32)
    slope = LOG[0] + m * (LOG[1] + m * (LOG[2] + m * LOG[3]))
    log2 = exponent + np.float32(1) + (m - np.float32(2)) * slope
    return np.float32(math.sqrt(MINUS_TWO_LN_2 * log2 / radius))
