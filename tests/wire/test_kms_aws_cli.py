"""The aws command line, unmodified: a key's life with its KMS commands."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.deployment import clean_environment
from tests.inprocess import Account

AWS = Path(sys.executable).with_name("aws")


def aws(account: Account, *words: str) -> Any:
    """``aws kms WORDS``; what it prints, read as JSON."""
    done = subprocess.run(
        [str(AWS), "kms", *words, "--output", "json"],
        env=clean_environment()
        | {
            "AWS_ACCESS_KEY_ID": account.key_id,
            "AWS_SECRET_ACCESS_KEY": account.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": account.url,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_a_file_is_encrypted_and_decrypted_from_the_command_line(account: Account, tmp_path: Path) -> None:
    arn = aws(account, "create-key", "--description", "cli", "--tags", "TagKey=a,TagValue=b")["KeyMetadata"]["Arn"]
    aws(account, "create-alias", "--alias-name", "alias/cli", "--target-key-id", arn)
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(b"content")
    made = aws(
        account, "encrypt", "--key-id", "alias/cli", "--plaintext", f"fileb://{plain}", "--encryption-context", "a=b"
    )
    sealed.write_bytes(base64.b64decode(made["CiphertextBlob"]))
    opened = aws(account, "decrypt", "--ciphertext-blob", f"fileb://{sealed}", "--encryption-context", "a=b")
    assert (b"content", arn) == (base64.b64decode(opened["Plaintext"]), opened["KeyId"])
    aws(account, "enable-key-rotation", "--key-id", arn, "--rotation-period-in-days", "180")
    assert 180 == aws(account, "get-key-rotation-status", "--key-id", arn)["RotationPeriodInDays"]


def test_a_file_is_signed_from_the_command_line(account: Account, tmp_path: Path) -> None:
    made = aws(account, "create-key", "--key-spec", "ECC_NIST_P256", "--key-usage", "SIGN_VERIFY")
    arn, file, signature = made["KeyMetadata"]["Arn"], tmp_path / "file", tmp_path / "signature"
    file.write_bytes(b"content")
    asked = ["--key-id", arn, "--message", f"fileb://{file}", "--signing-algorithm", "ECDSA_SHA_256"]
    signature.write_bytes(base64.b64decode(aws(account, "sign", *asked)["Signature"]))
    assert aws(account, "verify", *asked, "--signature", f"fileb://{signature}")["SignatureValid"] is True
