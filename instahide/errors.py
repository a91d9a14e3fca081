"""The one exception that users are meant to read."""


class InstaHideError(Exception):
    """Something a user can mend: the message names what is wrong and what to do.

    The command line and the workflow's scripts print it as one sentence, without a
    traceback, and exit with a non-zero code. Anything else that is raised is a fault of
    this package.
    """
