"""A server with ready-made functions, and the targets that they rotate, each started when it is first asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from strongroom.kernel.crypto.certificates import make_authority
from strongroom.rotations import tls
from tests.engines.rotating import Rotating
from tests.inprocess import InProcess
from tests.targets import mariadb, openldap, openssh, postgresql, redis_server, web
from tests.targets.mariadb import MariaDBTarget
from tests.targets.openldap import LDAPTarget
from tests.targets.openssh import SSHTarget
from tests.targets.postgresql import PostgreSQLTarget
from tests.targets.redis_server import RedisTarget
from tests.targets.web import WebTarget


@pytest.fixture(scope="session", autouse=True)
def authorities() -> Iterator[None]:
    """Some tests run engines in this process, which ends after the run's leftovers are counted."""
    yield
    tls.forget()


@pytest.fixture(scope="session")
def strongroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """A server whose functions are isolated; bubblewrap is one of the packages that `make test` brings."""
    assert shutil.which("bwrap"), "bubblewrap is missing: apt-get install bubblewrap"
    server = InProcess(tmp_path_factory.mktemp("engines") / "data", dev_clock=True, function_processes=4)
    yield server
    server.close()


@pytest.fixture
def rotating(strongroom: InProcess, monkeypatch: pytest.MonkeyPatch) -> Rotating:
    """A new account, and ``strongroom rotation`` as its administrator."""
    return Rotating(strongroom.account(), monkeypatch)


@pytest.fixture(scope="session")
def postgres_target() -> Iterator[PostgreSQLTarget]:
    """PostgreSQL over TCP with TLS."""
    with postgresql.target() as found:
        yield found


@pytest.fixture(scope="session")
def mariadb_target() -> Iterator[MariaDBTarget]:
    """MariaDB with TLS."""
    with mariadb.target() as found:
        yield found


@pytest.fixture(scope="session")
def redis_target() -> Iterator[RedisTarget]:
    """Redis, plain and with TLS."""
    with redis_server.target() as found:
        yield found


@pytest.fixture(scope="session")
def ldap_target() -> Iterator[LDAPTarget]:
    """OpenLDAP with StartTLS."""
    with openldap.target() as found:
        yield found


@pytest.fixture(scope="session")
def ssh_target() -> Iterator[SSHTarget]:
    """sshd."""
    with openssh.target() as found:
        yield found


@pytest.fixture(scope="session")
def web_target() -> Iterator[WebTarget]:
    """A service with API keys, and an OAuth 2.0 provider."""
    with web.target() as found:
        yield found


@pytest.fixture(scope="session")
def stranger() -> str:
    """The certificate of an authority that issued nothing."""
    return make_authority(datetime.now(UTC)).certificate.decode()
