"""What a client is told."""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path

import pytest

from strongroom.cli.env import profile, shell, variables
from strongroom.server.directory import DataDirectory, credentials_text, open_directory, write_endpoint
from strongroom.server.parts import StartRefused


@pytest.fixture
def directory(tmp_path: Path) -> DataDirectory:
    """One on which a server has run, with an odd path."""
    made = open_directory(tmp_path / "it's data")
    ca = str(made.tls / "ca.pem")
    write_endpoint(made, {"url": "https://127.0.0.1:8443", "ca": ca, "region": "us-east-1"})
    made.credentials.write_text(credentials_text("AKIA1", "s$cret'\"`x`"))
    return made


def test_a_shell_reads_back_what_is_meant(directory: DataDirectory) -> None:
    found = variables(directory)
    script = shell(found) + '\nprintf \'%s\\n\' "$AWS_SECRET_ACCESS_KEY" "$AWS_CA_BUNDLE" "$AWS_SESSION_TOKEN"'
    done = subprocess.run(
        ["sh", "-c", script],
        env={"AWS_SESSION_TOKEN": "left over"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ["s$cret'\"`x`", str(directory.tls / "ca.pem"), ""] == done.stdout.split("\n")[:3]


def test_a_profile_is_a_section_of_the_configuration_file(directory: DataDirectory) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(profile("strongroom", variables(directory)))
    assert {
        "endpoint_url": "https://127.0.0.1:8443",
        "ca_bundle": str(directory.tls / "ca.pem"),
        "region": "us-east-1",
        "aws_access_key_id": "AKIA1",
        "aws_secret_access_key": "s$cret'\"`x`",
    } == dict(parser["profile strongroom"])


def test_a_retired_administrator_leaves_no_keys_to_tell(directory: DataDirectory) -> None:
    directory.credentials.unlink()
    found = variables(directory)
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & found.keys()
    assert "retired" in shell(found)
    assert "unset" not in shell(found)


def test_plain_http_needs_no_ca(directory: DataDirectory) -> None:
    write_endpoint(directory, {"url": "http://127.0.0.1:1", "ca": None, "region": "us-east-1"})
    assert "AWS_CA_BUNDLE" not in variables(directory)


def test_without_a_server_there_is_nothing_to_tell(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="no server has ever run"):
        variables(DataDirectory(tmp_path))
