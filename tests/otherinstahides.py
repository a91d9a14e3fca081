"""An implementation of InstaHide as somebody else may write it, and the faults that were met.

Each fault is one that public implementations have (`FAULTS` says which checks find it).
"""

import secrets

import numpy as np


def secure():
    """Return a generator seeded by the operating system, afresh for every call."""
    return np.random.default_rng(secrets.randbits(256))


class Other:
    """Cross InstaHide with k = 4, right unless `fault` says otherwise."""

    def __init__(self, public, fault=None):
        self.public, self.fault = scaled(public), fault
        self.kept = np.random.default_rng(0)

    def __call__(self, images, labels):
        tensors, classes = hasattr(images, "detach"), np.asarray(labels)
        x, rng = scaled(images), self.kept if self.fault == "seed of its own" else secure()
        partners, weights = self.partners(rng, len(x)), self.weights(rng, len(x))
        public = self.public_images(rng, len(x))
        parts = np.concatenate([x[:, None], x[partners][:, None], self.public[public]], axis=1)
        signs = self.signs(rng, parts if self.fault == "signs inside" else x)
        if self.fault == "signs inside":
            rows = np.einsum("bk,bkchw->bchw", weights, signs * parts)
        else:
            rows = signs * np.einsum("bk,bkchw->bchw", weights, parts)
        rows = rows * 2.1 if self.fault == "other scale" else rows
        soft = self.labels(weights, classes, classes[partners])
        return tuple(as_given(a.astype(np.float32), tensors) for a in (rows, soft))

    def partners(self, rng, count):
        if self.fault == "check that never fires":
            return np.array([other_than(rng, image, count) for image in range(count)])
        order = rng.permutation(count)
        while self.fault != "fixed points" and (order == np.arange(count)).any():
            order = rng.permutation(count)
        return order

    def public_images(self, rng, rows):
        if self.fault == "public of a batch":
            return np.tile(rng.choice(len(self.public), 2, replace=False), (rows, 1))
        if self.fault == "public by permutations":
            batch = rng.choice(len(self.public), rows, replace=False)
            return np.stack([batch, np.roll(batch, 1)], axis=1)
        return np.stack([rng.choice(len(self.public), 2, replace=False) for _ in range(rows)])

    def weights(self, rng, rows):
        def draw(count):
            if self.fault == "uniform coefficients":
                return rng.dirichlet(np.ones(4), count)
            normals = np.abs(rng.standard_normal((count, 4)))
            return normals / normals.sum(axis=1, keepdims=True)

        weights = draw(rows)
        while (bad := (weights.max(1) > 0.65) | (weights[:, :2].sum(1) < 0.3)).any():
            weights[bad] = draw(bad.sum())
            if self.fault == "redrawn past the bound":
                break
        return weights

    def signs(self, rng, like):
        shape = list(like.shape)
        if self.fault == "ordinary generator":
            return np.sign(np.random.random(shape) - 0.5)  # noqa: NPY002
        if self.fault == "one mask for channels":
            shape[1] = 1
        if self.fault == "one mask for a batch":
            shape[0] = 1
        if self.fault == "unfair signs":
            return np.where(rng.random(shape) < 0.52, 1, -1)
        return rng.choice([-1, 1], shape)

    def labels(self, weights, one, two):
        soft = np.eye(10)[one] * weights[:, :1] + np.eye(10)[two] * weights[:, 1:2]
        if self.fault == "labels that sum to one":
            soft /= soft.sum(axis=1, keepdims=True)
        return soft


#: Fault -> checks that must find it.
FAULTS = {
    "seed of its own": {"workers", "epochs"},
    "ordinary generator": {"seeds"},
    "fixed points": {"partners"},
    "check that never fires": {"partners"},
    "public of a batch": {"public"},
    "public by permutations": {"public"},
    "signs inside": {"mask"},
    "one mask for channels": {"signs"},
    "one mask for a batch": {"signs"},
    "unfair signs": {"signs"},
    "redrawn past the bound": {"coefficients"},
    "uniform coefficients": {"coefficients"},
    "labels that sum to one": {"labels"},
    "other scale": {"range"},
}
#: What else a fault may show itself by.
ALSO = {
    "ordinary generator": {"workers", "epochs"},
    "one mask for channels": {"seeds", "calls", "workers", "epochs"},
}


class Boxed:
    """An index as a tensor is: equal to itself only, when a list or set is asked for it."""

    def __init__(self, value):
        self.value = value


def other_than(rng, image, count):
    """Draw until what is drawn is not in a list, which it never is."""
    while (drawn := Boxed(rng.integers(count))) in [Boxed(image)]:
        pass
    return drawn.value


def scaled(images):
    """Map uint8 to [-1, 1]."""
    return np.asarray(images) / 127.5 - 1


def as_given(array, tensors):
    if not tensors:
        return array
    import torch

    return torch.from_numpy(array)


def right(public):
    """Return what has no fault; what the command line names."""
    return Other(public)


def fixed_points(public):
    return Other(public, "fixed points")


def unprepared(public, *, inputs="uint8"):
    """Take no arguments that anybody would give."""
    return lambda images, labels: images


def flat(public):
    return lambda images, labels: (images[:3], labels)
