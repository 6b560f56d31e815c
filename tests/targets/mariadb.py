"""A MariaDB on loopback with TLS, from Debian's mariadb-server-core."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql

from tests.targets import places

PASSWORD = "of the administrator"
_SYSTEM = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")
_SMALL = ("--innodb-log-file-size=8M", "--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0")


class MariaDBTarget:
    """One server."""

    def __init__(self, port: int, authority: str) -> None:
        self.port = port
        self.authority = authority

    def run(self, statement: str, *values: str) -> Any:
        """One statement as administrator."""
        connection = pymysql.connect(
            host="127.0.0.1", port=self.port, user="admin", password=PASSWORD, autocommit=True, ssl_disabled=True
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def make_user(self, name: str, password: str, more: str = "") -> dict[str, Any]:
        """A user, and the value of its secret, over TLS."""
        self.run(f"CREATE USER %s@'127.0.0.1' IDENTIFIED BY %s {more}", name, password)
        return self.value(name, password)

    def value(self, name: str, password: str, **more: Any) -> dict[str, Any]:
        """What a secret says."""
        place = {"engine": "mariadb", "host": "127.0.0.1", "port": self.port}
        return {**place, "username": name, "password": password, "ca": self.authority, **more}

    def opens(self, value: dict[str, Any]) -> bool:
        """Whether a secret's value opens the server."""
        try:
            pymysql.connect(
                host="127.0.0.1",
                port=self.port,
                user=value["username"],
                password=value["password"].encode(),
                charset="utf8mb4",
                ssl={"check_hostname": False, "verify_mode": False},
            ).close()
        except pymysql.err.OperationalError:
            return False
        return True


@contextmanager
def target() -> Iterator[MariaDBTarget]:
    """Start one, and leave nothing behind. Raises RuntimeError where there is no MariaDB."""
    program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
    if not Path(program).exists():
        raise RuntimeError("these tests need MariaDB's server (Debian: apt-get install mariadb-server-core)")
    where = places.directory("my")
    user = places.nobody()
    data, scratch, init = where / "data", where / "tmp", where / "init.sql"
    for one in (data, scratch):
        one.mkdir()
    made = places.certificates(where, user)
    init.touch(0o600)
    init.write_text(
        f"CREATE USER admin@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
        "GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    if user is not None:
        for one in (where, data, scratch, init):
            shutil.chown(one, user)
    common = [program, "--no-defaults", f"--datadir={data}", f"--tmpdir={scratch}", *_SMALL]
    tables = "".join(Path("/usr/share/mysql", name).read_text() for name in _SYSTEM)
    boot = f"create database mysql;\nuse mysql;\nSET @auth_root_socket=NULL;\n{tables}"
    done = subprocess.run(
        [*common, "--bootstrap"],
        input=boot.encode(),
        capture_output=True,
        check=False,
        user=user,
        group=places.group_of(user),
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    port = places.free_port()
    process = places.start(
        [
            *common,
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={where / 's'}",
            f"--pid-file={where / 'pid'}",
            f"--init-file={init}",
            f"--ssl-cert={made.chain}",
            f"--ssl-key={made.key}",
            "--skip-name-resolve",
        ],
        where / "log",
        user=user,
        answers=lambda: places.listens(port),
    )
    try:
        yield MariaDBTarget(port, made.authority)
    finally:
        places.stop(process)
        shutil.rmtree(where)
