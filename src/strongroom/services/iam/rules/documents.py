"""Policy documents on their way in and out: judged by ``authz``, kept as given, shown percent-encoded."""

from __future__ import annotations

from urllib.parse import quote

from strongroom.kernel.authz.document import Document, DocumentKind, PolicyError, parse_document
from strongroom.services.iam.errors import MalformedPolicyDocumentException


def checked(text: str, kind: DocumentKind, label: str) -> Document:
    """The compiled document. Raises MalformedPolicyDocumentException in AWS's words."""
    try:
        return parse_document(text, kind, label)
    except PolicyError as fault:
        raise MalformedPolicyDocumentException(str(fault)) from None


def encoded(text: str) -> str:
    """A stored document as IAM answers it. Source: API reference, GetUserPolicy: URL-encoded, RFC 3986."""
    return quote(text, safe="")
