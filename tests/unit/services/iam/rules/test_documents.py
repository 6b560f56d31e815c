"""Policy documents on their way in and out."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.authz.document import DocumentKind
from strongroom.services.iam.errors import MalformedPolicyDocumentException
from strongroom.services.iam.rules import documents


def test_what_is_no_policy_is_refused_in_awss_words() -> None:
    with pytest.raises(MalformedPolicyDocumentException) as refused:
        documents.checked("{}", DocumentKind.IDENTITY, "x")
    assert ("MalformedPolicyDocument", 400) == (refused.value.code, refused.value.http_status)


@settings(max_examples=100)
@given(text=st.text(st.characters(max_codepoint=0xFF, exclude_categories=["Cs"])))
def test_what_is_shown_decodes_to_what_was_stored(text: str) -> None:
    shown = documents.encoded(text)

    assert text == unquote(shown)
    assert not set(shown) & set(' "{}[]:,/+*')
