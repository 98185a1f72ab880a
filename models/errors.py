"""All errors that Arbiter raises on purpose.

One root, small classes; the docstring is the default message. A *user's* error names what is wrong and what to do and is mapped once to an
exit code and an HTTP status; anything else that escapes is a bug.
"""

from typing import ClassVar


class ArbiterError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__class__.__doc__ or self.__class__.__name__)

    @property
    def code(self) -> str:
        """Stable name of the kind of error, for programs: `NotFound` is `not-found`."""
        name = type(self).__name__
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


class UserError(ArbiterError):
    """The request cannot be carried out as it stands."""

    status = 400
    exit_code = 2


class Invalid(UserError):
    """A value is not of the form that is needed."""

    status = 422


class SchemaDrift(Invalid):
    """A payload from outside no longer has the form that its parser knows."""


class NotFound(UserError):
    """There is nothing by that name."""

    status = 404


class Conflict(UserError):
    """The request contradicts what is already recorded."""

    status = 409


class IllegalMove(Conflict):
    """The state of the task does not allow this."""


class CycleFound(Invalid):
    """Tasks wait for each other in a circle."""


class TooLarge(UserError):
    """More was sent than is accepted."""

    status = 413


class Unauthorized(UserError):
    """Who is asking is not known: log in or bring a valid token."""

    status = 401


class Forbidden(UserError):
    """Who is asking may not do this."""

    status = 403


class TooManyRequests(UserError):
    """Too many tries in a short time: wait and try again."""

    status = 429


class LeaseLost(ArbiterError):
    """The attempt no longer holds its task, so its result is refused."""

    status = 409


class Unavailable(ArbiterError):
    """A part that is needed cannot be reached."""

    status = 503
    exit_code = 3


class Undelivered(ArbiterError):
    """A message did not arrive."""

    status = 502
    final = False  # trying again cannot help


class Refused(Undelivered):
    """The receiver does not take this message, and will not."""

    final = True


class Gone(Undelivered):
    """There is no such receiver any more."""

    final = True


class Unsolved(ArbiterError):
    """An optimum could not be computed."""


class StoreError(ArbiterError):
    """The store cannot be used as it is."""

    exit_code = 3
