"""Why a policy document is refused, and what a reader of one could not understand."""

from __future__ import annotations


class PolicyError(Exception):
    """A document that may not be stored.

    The message is AWS's MalformedPolicyDocument text for documents that IAM keeps. ``code`` names the kind of
    fault, so that other rooms pick their own text: ``json`` (not JSON), ``syntax`` (grammar), ``size``,
    ``version``, ``sid``, ``principal``, ``action``, ``resource``, ``field`` (prohibited or missing element).
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class NotUnderstoodError(Exception):
    """A value, operator or variable without a meaning here. It never allows: a Deny with it applies."""
