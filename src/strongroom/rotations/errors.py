"""What can go wrong with a target, told apart: nobody answered, the login was refused, the rest.

RotationError
    BadSecret       the secret's value is not one that this engine can use
    Unreachable     no conversation came about: address, network, TLS
    Refused         the target answered, and does not let this login in
    CannotChange    the login works, and the change is not taken

Messages carry the driver's own words. Source: facts rotation, sections 4 (E) and 5 (2, 3): users could not tell these
apart.
"""

from __future__ import annotations


class RotationError(Exception):
    """A step cannot go on. The text is for the operator; values in it are masked before it leaves."""


class BadSecret(RotationError):
    """The value lacks something, or something in it is not what the engine needs."""


class Unreachable(RotationError):
    """Nobody answered at the address, or not with the TLS that was asked for."""

    def __init__(self, address: str, words: object) -> None:
        super().__init__(f"could not connect to {address}: {said(words)}")


class Refused(RotationError):
    """The target answered and refused the login."""

    def __init__(self, user: str, words: object) -> None:
        super().__init__(f"the login as {user} was refused: {said(words)}")


class CannotChange(RotationError):
    """The target let us in and did not take the change."""

    def __init__(self, what: str, words: object) -> None:
        super().__init__(f"could not {what}: {said(words)}")


def said(words: object) -> str:
    """A driver's words on one line. They are cut after values in them are masked: half a value would not be found."""
    if isinstance(words, BaseException):
        words = f"{words}" or type(words).__name__
    return " ".join(str(words).split())
