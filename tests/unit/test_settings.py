"""Settings: where values come from, and what refuses to start."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from strongroom.server.parts import StartRefused, WireLimits
from strongroom.settings import Settings, load_settings


def test_the_command_line_goes_before_the_environment_before_the_file_before_the_default(
    tmp_path: Path,
) -> None:
    (tmp_path / "settings.toml").write_text("workers = 1\nport = 1001\nbacklog = 7\n")
    found = load_settings(
        {"data": str(tmp_path), "workers": "3"},
        {"STRONGROOM_WORKERS": "2", "STRONGROOM_PORT": "1002", "HOME": "/"},
    )
    assert (3, 1002, 7, "") == (found.workers, found.port, found.backlog, found.seal)


def test_the_data_directory_may_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('account = "000011112222"\n')
    assert "000011112222" == load_settings({}, {"STRONGROOM_DATA": str(tmp_path)}).account


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("hosts", "a.example.com, *.b.example.com", ("a.example.com", "*.b.example.com")),
        ("hosts", "", ()),
        ("dev_clock", "yes", True),
        ("dev_clock", "0", False),
        ("keep_alive", "5", 5.0),
        ("workers", "4", 4),
    ],
)
def test_texts_become_values_of_their_type(name: str, text: str, value: object) -> None:
    assert value == getattr(load_settings({name: text}, {}), name)


def test_lists_and_truths_are_themselves_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('hosts = ["a.example.com"]\ndev_clock = true\n')
    found = load_settings({"data": str(tmp_path)}, {})
    assert (("a.example.com",), True) == (found.hosts, found.dev_clock)


@pytest.mark.parametrize("place", ["environment", "file"])
def test_an_unknown_name_refuses_to_start(tmp_path: Path, place: str) -> None:
    (tmp_path / "settings.toml").write_text("wrokers = 1\n" if place == "file" else "")
    environment = {"STRONGROOM_WROKERS": "1"} if place == "environment" else {}
    with pytest.raises(StartRefused, match=r"(?i)unknown setting.*wrokers"):
        load_settings({"data": str(tmp_path)}, environment)


def test_the_file_cannot_name_another_data_directory(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('data = "/elsewhere"\n')
    with pytest.raises(StartRefused, match="unknown setting: data"):
        load_settings({"data": str(tmp_path)}, {})


@pytest.mark.parametrize("text", ["workers = ", "\xff", "[[["])
def test_a_file_that_is_no_toml_refuses_to_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(StartRefused, match="cannot be read"):
        load_settings({"data": str(tmp_path)}, {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("workers", "many"),
        ("workers", "-1"),
        ("workers", "65"),
        ("port", "65536"),
        ("port", "1.5"),
        ("keep_alive", "soon"),
        ("keep_alive", "nan"),
        ("dev_clock", "perhaps"),
        ("account", "12345678901"),
        ("account", "12345678901x"),
        ("journal_sync", "never"),
        ("region", "mars"),
        ("regions", "us-east-1,x"),
        ("regions", "eu-central-1"),
        ("store", "mysql://x"),
        ("max_body_bytes", "1"),
    ],
)
def test_a_value_out_of_bounds_refuses_to_start(name: str, text: str) -> None:
    with pytest.raises(StartRefused):
        load_settings({name: text}, {})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@host/db",
        "postgresql://host/db?user=u&password=secret",
        "postgresql://:secret@h/d",
    ],
)
def test_a_password_in_the_stores_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(StartRefused) as refused:
        load_settings({"store": url}, {})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "vault.example.com"])
def test_plain_http_is_refused_off_loopback(host: str) -> None:
    with pytest.raises(StartRefused, match="loopback"):
        Settings(host=host, tls="off")


def test_the_store_is_in_the_data_directory_unless_it_is_named(tmp_path: Path) -> None:
    assert f"sqlite:{tmp_path}/store.db" == Settings(data=tmp_path).store_url
    assert "postgresql://u@h/d" == Settings(store="postgresql://u@h/d").store_url


def test_every_extreme_is_legal() -> None:
    values = {one.name: one.metadata["extreme"] for one in dataclasses.fields(Settings)}
    found = Settings(**values | {"regions": ("eu-central-1",)})
    assert found.limits.max_pipelined == 1


def test_the_server_gets_every_limit_and_one_worker_a_core() -> None:
    found = Settings(keep_alive=3.0)
    assert WireLimits(keep_alive=3.0) == found.limits
    assert len(os.sched_getaffinity(0)) == found.serving.workers


def test_the_defaults_of_the_limits_are_the_same_in_both_places() -> None:
    assert WireLimits() == Settings().limits


def test_authorities_for_functions_must_be_certificates(tmp_path: Path) -> None:
    none, empty = tmp_path / "none.pem", tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path, told in ((none, "No such file"), (empty, "holds no certificate")):
        with pytest.raises(StartRefused, match=told):
            Settings(data=tmp_path, function_authorities=(str(path),))
