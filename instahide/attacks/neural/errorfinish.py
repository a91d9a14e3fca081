"""The finish `learnt`: a network that was trained on the errors of the attack itself.

The attacker makes challenges of his own photos, some of which stand for private images, attacks
them as he attacks the real one, and so has pairs of an image as it comes back and as it is. A
small network learns to turn the one into the other, told how large errors are
(`instahide.attacks.unmixing.parts.denoiser`), and is then applied to the private images. The
finish `views-denoise` learns from errors that are made up, and hardly helps.

With 10 rows of each image Max_SSIM rises by .004 to .016, on three challenges of CIFAR-10
images whose attacker has photos of ImageNet (docs/neural.md).
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from instahide.attacks.needs import FLOAT, Size
from instahide.attacks.neural.rows import draw_rows
from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.assignment import em
from instahide.attacks.unmixing.finish import local_needs, local_seconds, solve_by_bands
from instahide.attacks.unmixing.parts.denoiser import Denoiser, Pairs, train_denoiser
from instahide.attacks.unmixing.parts.field import learn_field
from instahide.attacks.unmixing.parts.handin import error_variance, hand_in
from instahide.attacks.unmixing.parts.labels import check_masked
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.retrieval import field as retrieve_field
from instahide.attacks.unmixing.retrieval import field_needs, field_seconds
from instahide.attacks.unmixing.similarity import whitened
from instahide.attacks.unmixing.state import State, mix
from instahide.errors import InstaHideError
from instahide.progress import tracked
from instahide.pytorch import import_torch

LESSONS = 12  # challenges that are made and attacked
LESSON_EPOCHS = 20  # how often the network sees each of their images
LESSON_CLASSES = 10  # of their labels
LEAST_ALIKE = 0.8  # correlation of an image that came back with the one that it is taken for
LEAST_PAIRS = 10  # fewer teach nothing, and one in five is held out
NO_VARIANCE = 1e-6


def finish_learnt_needs(size: Size) -> float:
    """Bytes: a challenge that is attacked beside the real one; pairs of images."""
    pairs = 6 * FLOAT * LESSONS * size.image_count * size.pixels
    return 2 * size.table + max(local_needs(size), field_needs(size)) + pairs


def finish_learnt_seconds(size: Size) -> float:
    """Processor seconds: every lesson is an attack; the network learns; a last solution."""
    learning = 1e-6 * LESSON_EPOCHS * LESSONS * size.image_count * size.pixels
    return (LESSONS + 1) * local_seconds(size) + LESSONS * field_seconds(size) + learning


def finish_learnt(
    problem: Problem,
    state: State,
    rng: np.random.Generator,
    *,
    lessons: int = LESSONS,
    epochs: int = LESSON_EPOCHS,
) -> Recovery:
    """Solve by bands as `local` does, take off what the network predicts of errors, and choose.

    Parameters
    ----------
    problem : Problem
    state : State
    rng : numpy.random.Generator
        Of lessons and network; the same one makes the same network on the same processor.
    lessons : int
        How many challenges are made, of as many images and rows as the real one.
    epochs : int
        How often the network sees each of their images.

    Returns
    -------
    Recovery
        The details tell the mean SSIM of images that the network has not learned from, before
        it and after it.

    Raises
    ------
    InstaHideError
        When PyTorch is missing, rows have no mask, `lessons` or `epochs` is no positive number,
        there are fewer than twice as many photos as private images, or no image of the lessons
        came back.
    """
    for name, count in (("lessons", lessons), ("epochs", epochs)):
        if type(count) is not int or count < 1:
            raise InstaHideError(f"{name}={count}: give a whole number of 1 or more")
    denoiser = learn_errors(problem, rng, lessons, epochs)
    images = finished_images(problem, state)
    clean = denoise_images(denoiser, problem, state, images)
    found = hand_in(problem, state, np.vstack([clean, state.images[-1:]]), rng)
    told = {"photos_before": round(denoiser.before, 4)}
    told |= {"photos_after": round(denoiser.after, 4)}
    return replace(found, details=found.details | told)


def learn_errors(
    problem: Problem, rng: np.random.Generator, lessons: int, epochs: int
) -> Denoiser:
    """Make challenges of the attacker's photos, attack them, and train a network on the errors.

    Nothing of the challenge is looked at but its public parameters and sizes.

    Raises
    ------
    InstaHideError
        See `finish_learnt`.
    """
    import_torch("the finish local does without")
    check_masked(problem)
    if len(problem.public) < 2 * problem.image_count:
        raise InstaHideError(
            f"{len(problem.public)} photos: lessons of {problem.image_count} private images "
            "take twice as many or more"
        )
    made = [make_lesson(problem, rng) for _ in tracked(range(lessons), "lessons", "challenges")]
    parts = ([getattr(each, name) for each in made] for name in ("seen", "clean", "deviation"))
    pairs = Pairs(*map(np.concatenate, parts))
    if len(pairs) < LEAST_PAIRS:
        raise InstaHideError(
            f"{len(pairs)} images of the lessons came back: there is nothing to learn from; "
            "give more lessons, or take the finish local"
        )
    return train_denoiser(pairs[rng.permutation(len(pairs))], epochs, rng)


def make_lesson(problem: Problem, rng: np.random.Generator) -> Pairs:
    """Make one challenge of photos and attack it; return its images as found and as they are.

    ASSUME: labels with coefficients and ten classes, whatever those of the real challenge tell;
    images that did not come back at all teach nothing, and are left out.
    """
    count, rows = problem.image_count, len(problem.magnitudes)
    known = draw_rows(problem.public, problem.scheme, rng, rows, count)
    classes = np.arange(count) * min(LESSON_CLASSES, count) // count
    label = mix(classes[known.members], known.weights, classes[-1] + 1)
    lesson = replace(
        problem,
        magnitudes=known.magnitudes.reshape(rows, -1),
        label=label,
        labels="coefficients",
        pool=None,
    )
    assignment = em(lesson, whitened(lesson, rng), rng)
    state = retrieve_field(lesson, assignment, rng)
    found, truth = finished_images(lesson, state), known.private.reshape(count, -1)
    alike = np.corrcoef(found, truth)[:count, count:]
    first, second = linear_sum_assignment(-alike)
    kept = alike[first, second] > LEAST_ALIKE
    deviation = deviations(lesson, state)[first[kept]]
    shape = -1, *problem.shape
    clean = truth[second[kept]].reshape(shape)
    return Pairs(found[first[kept]].reshape(shape), clean, deviation)


def finished_images(problem: Problem, state: State) -> np.ndarray:
    """Return private images as the finish `local` solves for them, float32 (n, d)."""
    return solve_by_bands(state, learn_field(problem.public))[:-1].astype(np.float32)


def deviations(problem: Problem, state: State) -> np.ndarray:
    """Return the standard deviation of each image's errors, float32 (n,)."""
    power = learn_field(problem.public).power
    variance = np.maximum(error_variance(state), NO_VARIANCE)
    return np.sqrt(variance * power).astype(np.float32)


def denoise_images(
    denoiser: Denoiser, problem: Problem, state: State, images: np.ndarray
) -> np.ndarray:
    """Return images (n, d) without what the network takes for errors."""
    pictures = images.reshape(-1, *problem.shape)
    return denoiser.denoise(pictures, deviations(problem, state)).reshape(images.shape)
