"""The files that a release has for those who take part, and making a release anew."""

from instahide.challenge.folder import COMPANIONS, ChallengeFolder, save_release
from instahide.challenge.manifest import load_manifest, released
from instahide.participants.notice import Notice
from instahide.participants.page import save_participants_page
from instahide.participants.sample import save_sample


def save_companions(folder: ChallengeFolder, notice: Notice) -> tuple[str, ...]:
    """Write sample submission and page, and return their names.

    Raises
    ------
    InstaHideError
        When a released file is missing or damaged.
    """
    save_sample(folder)  # whose digest the page tells
    save_participants_page(folder, notice)
    return COMPANIONS


def release_again(folder: ChallengeFolder, notice: Notice) -> None:
    """Write sample, page and `release.zip` of a challenge that is there; arrays stay.

    Raises
    ------
    InstaHideError
        As `save_companions`.
    """
    names = [*released(load_manifest(folder)), *save_companions(folder, notice)]
    save_release(folder, names)
