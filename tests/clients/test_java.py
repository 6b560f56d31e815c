"""The AWS SDK for Java v2: the life of a secret. Maven fetches what it needs where nothing is cached."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.clients.programs import HERE, needs, run
from tests.wire.test_secretsmanager_life import GONE, MARKED

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def found(told: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the tour found. Java trusts no PEM file: the CA goes into a trust store of its own."""
    needs("java", "mvn", "keytool")
    place: Path = tmp_path_factory.mktemp("java")
    classpath, trust = place / "classpath", place / "trust.p12"
    words = ["mvn", "-q", "-B", f"-DbuildDirectory={place}/target", "compile", "dependency:build-classpath"]
    run([*words, f"-Dmdep.outputFile={classpath}"], {}, directory=HERE / "java", timeout=800)
    store = ["-keystore", str(trust), "-storetype", "PKCS12", "-storepass", "public"]
    run(
        ["keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", told["AWS_CA_BUNDLE"], *store],
        {},
        directory=place,
    )
    trusting = [f"-Djavax.net.ssl.trustStore={trust}", "-Djavax.net.ssl.trustStorePassword=public"]
    classes = f"{place}/target/classes:{classpath.read_text().strip()}"
    done = run(["java", *trusting, "-cp", classes, "Tour"], told, directory=place)
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def test_values_labels_and_bytes_come_back(found: dict[str, str]) -> None:
    assert ("first", "[AWSCURRENT]", "[AWSCURRENT]", "true", "20") == tuple(
        found[name] for name in ("value", "stages", "current", "bytes", "password")
    )


def test_pages_and_batches_are_whole(found: dict[str, str]) -> None:
    assert "[java/db-creds, java/bytes]" == found["listed"]
    assert "second,ResourceNotFoundException" == found["batch"]


def test_errors_arrive_as_the_sdks_own_types(found: dict[str, str]) -> None:
    assert (GONE[1], "400", MARKED) == (found["missing"], found["taken"], found["marked"])


def test_a_deletion_is_told_and_taken_back(found: dict[str, str]) -> None:
    assert ("7", "second") == (found["days"], found["restored"])
