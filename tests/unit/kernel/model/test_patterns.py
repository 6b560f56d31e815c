"""Java's patterns with Python's engine: the same texts match."""

from __future__ import annotations

import pytest

from strongroom.kernel.model.catalogue import CATALOGUE, SERVICES
from strongroom.kernel.model.patterns import matcher

TAG = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"[\w+=,.@-]+", "admin@x", True),
        (r"[\w+=,.@-]+", "a b", False),
        (r"[\w]+", "é", False),  # \w is ASCII in Java
        (r"[\d]+", "٣", False),
        (r"\d{12}", "123456789012", True),
        (r"\d{12}", "123456789012\n", False),
        (r"^[a-z]+$", "abc\n", False),  # the whole text, whatever $ means
        ("abc", "xabcx", False),
        (".*", "a\u2028b", False),  # a line end in Java, none in Python
        (".*", "a\rb", False),
        ("(?s).*", "a\nb", True),
        (r"[\s\S]*", "a\nb", True),
        (r"[^\s]+", "a\u00a0b", True),  # \s is ASCII
        ("[a-zA-Z0-9-_]+", "a-_9", True),
        (r"[\w-\/.@+=,]+", "a-/b", True),
        (r"[\w-\/.@+=,]+", "a:b", False),
        (r"[a-zA-Z0-9-\/*:_+=.@-]*", "a/b-c", True),
        (r"[\u0020-\u00FF]+", "Größe", True),
        (r"[\u0020-\u00FF]+", "中", False),
        (r"[\x21-\x7E]+", "ab cd", False),
        (TAG, "Größe 名 ٣", True),
        (TAG, "a\u00a0b", True),
        (TAG, "a\u0301", False),  # a combining mark is neither letter, number nor separator
        (TAG, "a#b", False),
        (TAG, "\ue000", False),  # a private-use character must not pass as a stand-in
        (r"^([\p{L}\p{Z}\p{N}\p{P}\p{M}]*)$", "a\u0301!", True),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*", "a\U0001f511", True),
        (r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)", "123", False),
        (r"(?!^[0-9]+$)([a-zA-Z0-9-_]+)", "v123", True),
    ],
)
def test_a_pattern_matches_what_it_matches_in_java(pattern: str, text: str, *, expected: bool) -> None:
    assert expected == matcher(pattern)(text)


@pytest.mark.parametrize("service", SERVICES)
def test_every_pattern_of_a_model_is_understood(service: str) -> None:
    patterns = {shape.pattern for shape in CATALOGUE.service(service).shapes.values() if shape.pattern}
    assert all(callable(matcher(pattern)) for pattern in patterns)
    assert patterns


@pytest.mark.parametrize("pattern", [r"[a-z&&[^b]]", r"[\p{L}é]", r"\p{Greek}", r"[\P{L}]", "[a-z[0-9]]"])
def test_a_pattern_that_would_be_misread_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="the pattern"):
        matcher(pattern)
