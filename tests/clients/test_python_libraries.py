"""Libraries that applications read secrets with: AWS's caching client for Python, and pydantic-settings."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest
from aws_secretsmanager_caching import InjectKeywordedSecretString, InjectSecretString, SecretCache, SecretCacheConfig
from botocore.exceptions import ClientError
from pydantic import SecretStr
from pydantic_settings import AWSSecretsManagerSettingsSource, BaseSettings, PydanticBaseSettingsSource
from tests.deployment import Deployment
from tests.journals import entries


@pytest.fixture
def secrets(server: Deployment) -> Any:
    """A client of the administrator."""
    return server.client("secretsmanager")


@pytest.fixture
def name(secrets: Any) -> str:
    """A new secret that holds an application's settings."""
    made = f"app-{uuid.uuid4().hex}"
    secrets.create_secret(Name=made, SecretString=json.dumps({"username": "admin", "password": "first"}))
    return made


def asked(server: Deployment, secret: str) -> list[str]:
    """Which operations were called with this secret, in order."""
    return [entry.name for entry in entries(server.data) if secret == entry.asked.get("secretId")]


# ---------------------------------------------------------------------- aws-secretsmanager-caching


def test_a_cached_secret_is_read_once_and_by_the_version_that_describe_names(
    server: Deployment, secrets: Any, name: str
) -> None:
    """Source: facts secretsmanager section 15.1: DescribeSecret, then GetSecretValue by VersionId alone."""
    cache = SecretCache(client=secrets)
    for _ in range(3):
        assert "admin" == json.loads(cache.get_secret_string(name))["username"]
    assert ["DescribeSecret", "GetSecretValue"] == asked(server, name)
    (read,) = [
        entry for entry in entries(server.data) if name == entry.asked.get("secretId") and "versionId" in entry.asked
    ]
    assert {"secretId", "versionId"} == set(read.asked)


def test_a_cache_sees_a_new_version_after_its_interval_and_keeps_the_old_until_then(secrets: Any, name: str) -> None:
    patient = SecretCache(client=secrets)
    quick = SecretCache(config=SecretCacheConfig(secret_refresh_interval=1), client=secrets)
    for cache in (patient, quick):
        assert "first" in cache.get_secret_string(name)
    secrets.put_secret_value(SecretId=name, SecretString="second")
    until = time.monotonic() + 10
    while "second" != quick.get_secret_string(name):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert "first" in patient.get_secret_string(name)
    previous = SecretCache(config=SecretCacheConfig(default_version_stage="AWSPREVIOUS"), client=secrets)
    assert "first" in previous.get_secret_string(name)


def test_a_cache_holds_bytes_and_tells_what_is_missing(secrets: Any) -> None:
    made = f"bytes-{uuid.uuid4().hex}"
    secrets.create_secret(Name=made, SecretBinary=b"\x00\xff")
    cache = SecretCache(client=secrets)
    assert b"\x00\xff" == cache.get_secret_binary(made)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        cache.get_secret_string("never")


def test_functions_get_their_secrets_injected(secrets: Any, name: str) -> None:
    cache = SecretCache(client=secrets)

    @InjectSecretString(name, cache)  # type: ignore[untyped-decorator]
    def whole(value: str) -> str:
        return value

    @InjectKeywordedSecretString(secret_id=name, cache=cache, who="username")  # type: ignore[untyped-decorator]
    def part(who: str) -> str:
        return who

    assert "admin" == json.loads(whole())["username"]
    assert "admin" == part()


# ---------------------------------------------------------------------- pydantic-settings


def settings_from(secret: str) -> BaseSettings:
    """An application's settings class, read from one secret."""

    class Settings(BaseSettings):
        username: str
        password: SecretStr

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (AWSSecretsManagerSettingsSource(settings_cls, secret),)

    return Settings()  # type: ignore[call-arg]  # the source brings them


def test_pydantic_settings_are_read_from_a_secret(
    told: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in told.items():
        monkeypatch.setenv(variable, value)
    found: Any = settings_from(name)
    assert ("admin", "first") == (found.username, found.password.get_secret_value())
    assert "first" not in repr(found)


def test_pydantic_settings_tell_awss_error_for_a_secret_that_is_not_there(
    told: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in told.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        settings_from("never")
