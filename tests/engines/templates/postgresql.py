"""PostgreSQL, by PyGreSQL."""

import pg
import pgdb


def connect(found, encrypted):
    """None where it does not come about."""
    more = {"sslrootcert": "/etc/pki/tls/cert.pem", "sslmode": "verify-full"} if encrypted else {"sslmode": "disable"}
    try:
        return pgdb.connect(
            host=found["host"],
            user=found["username"],
            password=found["password"],
            database=found.get("dbname", "postgres"),
            port=int(found.get("port", 5432)),
            connect_timeout=5,
            **more,
        )
    except pg.InternalError:
        return None
    except pg.OperationalError:
        return None


def change(connection, user, password):
    """ALTER USER, the name quoted by the server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(%s)", (user,))
        cursor.execute(f"ALTER USER {cursor.fetchone()[0]} WITH PASSWORD '{pg.escape_string(password)}'")
        connection.commit()


def now(connection):
    """Ask the time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT NOW()")
