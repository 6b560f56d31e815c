"""SHA-256 and HMAC-SHA-256 meet published answers."""

from strongroom.kernel.crypto import digests


def test_sha256_meets_the_standards_answer() -> None:
    """Source: FIPS 180-4 examples, "abc"."""
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert expected == digests.sha256(b"abc").hex()


def test_hmac_meets_the_rfcs_answer() -> None:
    """Source: RFC 4231, test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert expected == digests.hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex()


def test_only_equal_bytes_are_the_same() -> None:
    assert digests.same(b"abc", b"abc")
    assert not digests.same(b"abc", b"abd")
    assert not digests.same(b"abc", b"ab")
