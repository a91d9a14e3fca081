"""How far the published retrieval of 2020 can come: from zeros, from the truth, signs told.

Pairs and coefficients are the true ones, so nothing but the retrieval is judged. Prints the
mean SSIM of the private images as they come out, stretched to the whole range as published, and
after a colour network of the published size that was fitted to the *true* colours of these very
images. The descent starts from zeros, and from the true images; then least squares are told all
signs, as published otherwise; at last they also know how uncertain a row is, and that public
images have a mean.

    python benchmarks/neural_limits.py PRIVATE POOL.zarr SAMPLE.zarr --seeds 1 2 3
"""

from pathlib import Path

import numpy as np
from challenges import Made, Photos, ask_for_size, make, parser_with_photos
from measuring import quiet
from scipy.sparse import csr_matrix

from instahide.attacks.neural.colours import learn_colours
from instahide.attacks.neural.descent import descend, fill_range
from instahide.attacks.neural.recovering import RATE
from instahide.attacks.neural.retrieval import STEPS
from instahide.attacks.unmixing.state import mix
from instahide.encodings.instahide.scheme import Scheme
from instahide.images import to_unit_range
from instahide.pool.pool import open_pool
from instahide.ssim import ssim


def main() -> None:
    parser = parser_with_photos(__doc__)
    ask_for_size(parser, [1])
    options = parser.parse_args()
    photos = Photos.of(options)
    for seed in options.seeds:
        made = make(photos, options.images, Scheme(rows_per_image=options.times), seed)
        print(f"\nn = {options.images}, T = {options.times}, seed {seed}: SSIM")
        print(f"{'':<36}{'as it is':>10}{'stretched':>10}{'coloured':>10}")
        for name, images in recovered(made, options.pool):
            print(
                f"{name:<36}" + "".join(f"{x:>10.3f}" for x in judge(made, images)), flush=True
            )


def recovered(made: Made, pool: Path) -> list[tuple[str, np.ndarray]]:
    """Return names and images, (n, d), of retrievals by the true pairs."""
    members = made.plan.members
    weights = made.plan.weights[:, : members.shape[1]].astype(np.float32)
    count = len(made.private)
    design, truth = mix(members, weights, count), made.private.reshape(count, -1)
    mixtures = mixed(made, pool)
    starts = {"from zeros, as published": np.zeros_like(truth), "from the true images": truth}
    found = []
    for name, start in starts.items():
        with quiet():
            found.append((name, follow(made, design, start)))
    rest = 1 - weights.sum(axis=1, keepdims=True)
    plain = np.linalg.lstsq(design, mixtures)[0]
    weighed = np.hstack([design, rest]) / rest, mixtures / rest
    return [
        *found,
        ("least squares, all signs told", plain),
        ("the same, weighed, with a mean", np.linalg.lstsq(*weighed)[0][:-1]),
    ]


def follow(made: Made, design: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return where the published descent ends."""
    magnitudes = made.problem.magnitudes
    return descend(csr_matrix(design), magnitudes, start, steps=STEPS, rate=RATE)


def mixed(made: Made, pool: Path) -> np.ndarray:
    """Return what rows hold under their masks, float32 (E, d)."""
    plan, kinds = made.plan, made.plan.members.shape[1]
    public = to_unit_range(np.asarray(open_pool(pool).patches[:]))
    sides = (
        (made.private, plan.members, plan.weights[:, :kinds]),
        (
            public,
            plan.public,
            plan.weights[:, kinds:],
        ),
    )
    mixtures = sum(
        mix(who, much.astype(np.float32), len(images)) @ images.reshape(len(images), -1)
        for images, who, much in sides
    )
    assert np.allclose(np.abs(mixtures), made.problem.magnitudes, atol=1e-5)
    return mixtures


def judge(made: Made, images: np.ndarray) -> list[float]:
    """Return SSIM of images as they are, stretched, and with the best colours."""
    stretched = fill_range(images.astype(np.float32))
    truth, channels = made.private.reshape(len(images), -1), made.private.shape[-1]
    colours = learn_colours(stretched, truth, channels, np.random.default_rng(0))
    return [
        float(ssim(x.reshape(made.private.shape), made.private).mean())
        for x in (images.astype(np.float32), stretched, colours(stretched))
    ]


if __name__ == "__main__":
    main()
