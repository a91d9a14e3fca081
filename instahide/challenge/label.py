"""Writing `label.npy`."""

from pathlib import Path

from instahide.encodings.labels import label_rows
from instahide.encodings.plan import Plan
from instahide.files import save_npy
from instahide.labelled import LabelledImages


def save_label(path: Path | str, plan: Plan, private: LabelledImages) -> None:
    """Write the labels of a plan's rows."""
    save_npy(path, label_rows(plan, private))
