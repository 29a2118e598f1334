"""The one exception for mistakes that a user can mend."""


class UserError(Exception):
    """A problem that the user caused or can solve.

    The message stands alone: it names the file or the value at fault and says what to do. The
    command line prints it without a traceback and exits with code 2; napari shows it as it is.
    """
