"""One-time passwords. Vectors: RFC 6238, appendix B (SHA-1), whose last six digits are ours."""

from __future__ import annotations

import pytest

from strongroom.kernel.crypto.totp import code_at, step_at, step_of

SEED = b"12345678901234567890"


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_of_the_rfc(moment: int, code: str) -> None:
    assert code == code_at(SEED, step_at(moment))


def test_a_code_tells_its_step_among_those_asked_for() -> None:
    assert 7 == step_of(SEED, code_at(SEED, 7), range(5, 9))
    assert step_of(SEED, code_at(SEED, 7), range(8, 10)) is None


@pytest.mark.parametrize("code", ["", "12345", "١٢٣٤٥٦", "0" * 100])
def test_what_is_no_code_is_of_no_step(code: str) -> None:
    assert step_of(SEED, code, range(-1, 3)) is None
