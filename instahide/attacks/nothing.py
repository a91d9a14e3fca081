"""What an attack raises where the rows themselves give it nothing to go on."""

from instahide.errors import InstaHideError


class NothingToGoOn(InstaHideError):
    """Rows are too few, or tell too little, for an attack to begin or to come to an end.

    Apart from other errors, so that who asks what leaks can take this one for an answer.
    """
