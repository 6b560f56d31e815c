"""MariaDB, by PyMySQL."""

import pymysql


def connect(found, encrypted):
    """None where it does not come about."""
    more = {"ssl": {"ca": "/etc/pki/tls/cert.pem"}} if encrypted else {"ssl_disabled": True}
    try:
        return pymysql.connect(
            host=found["host"],
            user=found["username"],
            password=found["password"],
            port=int(found.get("port", 3306)),
            database=found.get("dbname"),
            connect_timeout=5,
            **more,
        )
    except pymysql.OperationalError:
        return None


def change(connection, user, password):
    """SET PASSWORD, which a user may do for itself."""
    with connection.cursor() as cursor:
        cursor.execute("SET PASSWORD = PASSWORD(%s)", (password,))
        connection.commit()


def now(connection):
    """Ask the time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT NOW()")
