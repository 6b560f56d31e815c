"""On disk no plaintext of anything that must be sealed: not in the store, the journal, a log or a temporary file."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.deployment import Deployment
from tests.postgres import Server, remove, started
from tests.processes.canaries import canary, forms, found_in
from tests.processes.test_seal_change import run, with_settings
from tests.softhsm import made_in

pytestmark = pytest.mark.usefixtures("anew")


def plant(client: Any) -> list[str | bytes]:
    """Every way in which something secret comes in or is made."""
    words = [canary() for _ in range(7)]
    secrets = client("secretsmanager")
    secrets.create_secret(Name="text", SecretString=f"pass {words[0]} word")
    secrets.create_secret(Name="bytes", SecretBinary=b"\x01" + words[1].encode())
    secrets.put_secret_value(SecretId="text", SecretString=words[2])
    secrets.update_secret(SecretId="text", SecretString=words[3])
    for name in ("text", "bytes"):
        secrets.get_secret_value(SecretId=name)
    keys = client("kms")
    key = keys.create_key()["KeyMetadata"]["KeyId"]
    sealed = keys.encrypt(KeyId=key, Plaintext=words[4].encode())["CiphertextBlob"]
    assert words[4].encode() == keys.decrypt(CiphertextBlob=sealed)["Plaintext"]
    data_key = keys.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]
    pair = keys.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")["PrivateKeyPlaintext"]
    imported = take_in(keys)
    admin = client("sts").get_caller_identity()["Arn"]
    grant = keys.create_grant(KeyId=key, GranteePrincipal=admin, Operations=["Encrypt"])["GrantToken"]
    keys.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[grant])
    users = client("iam")
    users.create_user(UserName="app")
    made = users.create_access_key(UserName="app")["AccessKey"]
    session = client("sts").get_session_token()["Credentials"]
    # Refused and malformed calls carry values too.
    for wrong in ({"Name": "text", "SecretString": words[5]}, {"Name": "a b", "SecretString": words[6]}):
        with pytest.raises(secrets.exceptions.ClientError):
            secrets.create_secret(**wrong)
    return [
        *words,
        data_key,
        pair[36:68],  # the number itself
        imported,
        grant[40:80],
        made["SecretAccessKey"],
        session["SecretAccessKey"],
        session["SessionToken"][40:80],
    ]


def take_in(keys: Any) -> bytes:
    """Material from outside, once taken and once refused."""
    secret = os.urandom(32)
    key = keys.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
    given = keys.get_parameters_for_import(
        KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048"
    )
    public = serialization.load_der_public_key(given["PublicKey"])
    assert isinstance(public, rsa.RSAPublicKey)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    asked = {
        "KeyId": key,
        "ImportToken": given["ImportToken"],
        "EncryptedKeyMaterial": public.encrypt(secret, oaep),
    }
    with pytest.raises(keys.exceptions.ClientError):
        keys.import_key_material(**asked)
    keys.import_key_material(**asked, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    keys.delete_imported_key_material(KeyId=key)
    return secret


def test_the_search_finds_a_word_in_every_form(tmp_path: Path) -> None:
    word = canary()
    for number, form in enumerate(forms(word.encode())):
        (tmp_path / f"{number}").write_bytes(b"x" + form + b"y")
    (tmp_path / "json").write_bytes(base64.b64encode(b'{"p":"' + word.encode() + b'"}'))
    hits = {hit.split(":")[0] for hit in found_in([tmp_path], [word])}
    assert {path.name for path in tmp_path.iterdir()} == hits


def test_nothing_sealed_lies_open_on_sqlite_under_a_passphrase(tmp_path: Path) -> None:
    passphrase = canary()
    read, write = os.pipe()
    os.write(write, passphrase.encode())
    os.close(write)
    server = Deployment(
        tmp_path / "data",
        "--workers",
        "2",
        "--seal",
        "passphrase",
        "--passphrase-fd",
        str(read),
        pass_fds=[read],
    )
    with server:
        os.close(read)
        words = [*plant(server.client), passphrase]
        in_use = found_in([tmp_path], words)
        server.kill()
    assert [] == in_use
    assert [] == found_in([tmp_path], words)


def test_nothing_that_opens_a_seal_lies_open(tmp_path: Path) -> None:
    """Passphrases, shares, a PIN, what a command prints, and every root key but that of the file seal that stands."""
    passphrase, pin, answer = canary(), canary(), canary()
    hsm = made_in(tmp_path / "softhsm", pin=pin)
    told = tmp_path / "softhsm" / "answer"
    told.write_text(answer)
    data = with_settings(tmp_path / "data", "cat", str(told))
    with Deployment(data, "--workers", "1", "--tls", "off", env=hsm.environment) as server:
        roots = [bytes.fromhex((data / "seal" / "root.key").read_text())]
        run(server, "seal", "rotate")
        roots.append(bytes.fromhex((data / "seal" / "root.key").read_text()))
        run(server, "seal", "change", "passphrase", new_passphrase=passphrase)
        shares = run(server, "seal", "change", "shamir", "--shares", "3", "--threshold", "2", passphrase=passphrase)[
            "shares"
        ]
        given = "\n".join(shares[:2])
        run(server, "seal", "rotate", passphrase=given)
        run(server, "seal")
        run(server, "unseal", refused=True, passphrase=shares[0][:-2])
        run(server, "unseal", passphrase=given)
        run(server, "seal", "change", "command", passphrase=given)
        run(server, "seal", "change", hsm.seal(), new_passphrase=pin)
        run(server, "seal", "rotate", passphrase=pin)
        words = [passphrase, pin, answer, *roots, *(share.split("-")[3] for share in shares)]
        words += [bytes.fromhex(share.split("-")[3]) for share in shares]
        places = [data, server.log]
        in_use = found_in(places, words)
        environments = [Path(f"/proc/{pid}/{name}") for pid in server.children().values() for name in SHOWN]
        shown = [word for word in words for path in environments if _bytes(word) in path.read_bytes()]
    assert ([], []) == (in_use, shown)
    assert [] == found_in(places, words)


SHOWN = ("environ", "cmdline")


def _bytes(word: str | bytes) -> bytes:
    return word.encode() if isinstance(word, str) else word


@pytest.fixture(scope="module")
def postgres() -> Any:
    server: Server = started()
    yield server
    remove(server)


def test_nothing_sealed_lies_open_in_postgresql(tmp_path: Path, postgres: Server) -> None:
    url = postgres.database("template0")
    store, passfile = without_password(url, tmp_path)
    with Deployment(tmp_path / "data", "--workers", "1", "--store", store) as server:
        words = plant(server.client)
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        hits = found_in([postgres.directory, tmp_path], words, leave_out=[passfile])
    assert [] == hits


def without_password(url: str, directory: Path) -> tuple[str, Path]:
    """The same address with the password in a file, as the setting demands."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    passfile = directory / "pgpass"
    passfile.write_text(f"*:*:*:*:{parts['password']}\n")
    passfile.chmod(0o600)
    return (
        f"postgresql://{parts['user']}@/{parts['dbname']}?host={parts['host']}&passfile={passfile}",
        passfile,
    )
