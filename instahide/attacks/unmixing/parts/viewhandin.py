"""Handing in where rows hold images in views: each row's image, as it was mixed into it."""

from dataclasses import replace

import numpy as np

from instahide.attacks.protocol import Recovery
from instahide.attacks.unmixing.parts.canvases import Views
from instahide.attacks.unmixing.parts.handin import choose_places
from instahide.attacks.unmixing.problem import Problem
from instahide.attacks.unmixing.state import Assignment, State


def hand_in_views(
    problem: Problem, state: State, views: Views, images: np.ndarray, rng: np.random.Generator
) -> Recovery:
    """Choose the image that each row hands in, in the view that the row has of it."""
    images = np.clip(images, -1, 1)
    members, seen = views.split(state.assignment.members)
    plain = replace(state, assignment=Assignment(members, state.assignment.weights))
    place, quality = choose_places(problem, plain, images[:-1], rng)
    chosen = state.assignment.members[np.arange(len(state)), place]
    flipped, shifts = views.describe(seen)
    found = vars(plain.assignment) | {"flipped": flipped, "shifts": shifts}
    return Recovery(
        decryption=views.show(images, chosen[:, None]).reshape(-1, *problem.shape),
        private=images[:-1].reshape(-1, *problem.shape),
        complexity="O(E·d·(n·F + log d))",
        details={"predicted_ssim": round(float(quality.mean()), 4)},
        arrays={"assignment": found},
    )
