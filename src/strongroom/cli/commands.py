"""What each subcommand does, in a sentence: known without importing any, so that ``--help`` need not wait.

A command lives in the file of its name here (``who-can`` in ``who_can.py``, ``import`` in ``importing.py``), whose
``add`` declares it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

DOES: Mapping[str, str] = {
    "serve": "Run the server.",
    "env": "Print what a client needs: endpoint, CA, Region and keys.",
    "status": "Say how the server of a data directory is.",
    "stop": "Stop the server of a data directory, after its running requests.",
    "clock": "Show the product's clock, or move it forward (data directories made with --dev-clock only).",
    "seal": "Have the running server forget the root key; or say how it is kept (status), replace it (rotate), "
    "keep it another way (change), or no longer wait for a lost node (forget).",
    "unseal": "Open a sealed server; it asks for the passphrase, the PIN, or the shares one at a time.",
    "credentials": "Retire the first administrator's key, or get a role's credentials for SDKs that renew them.",
    "account": "Make an account whose user admin may do everything in it.",
    "admin": "Make a new administrator of the default account; recorded in the journal.",
    "explain": "Tell why a call was allowed or refused, and the smallest change of policy that would allow it.",
    "who-can": "List who can do an action on a resource, directly or through roles, and by which statements.",
    "kms": "List what lies under a KMS key alone, and so would be lost with it: look before ScheduleKeyDeletion.",
    "rotation": "Have secrets rotated by ready-made functions; see how rotations stand; try one again, or abandon it.",
    "policy": "Check a policy document: what AWS would refuse, and what does something else than it seems.",
    "audit": "Check the journal's hash chains and signed heads, also while the server runs or on a copy (verify); "
    "print the key that signs (key) or the newest head (head), to be kept elsewhere; tell who read a secret (who); "
    "make the index of events anew (reindex); write CloudTrail's log files and digests (export) and print the key "
    "that signs those (export-key).",
    "import": "Make many secrets from a file that has one CreateSecret request, in JSON, a line.",
    "report": "Report secrets and principals that nobody uses, permissions never used, secrets overdue for rotation "
    "and keys near deletion.",
    "function": "Make a zip or layer of a directory, with its packages for the function's Python, and check its "
    "imports.",
    "logs": "Print what a function printed, the oldest first.",
    "webhooks": "Show how far each webhook is, what went wrong, and its dead letters.",
    "usage": "Show secrets and calls of a month, by principal and by tag, with what AWS would charge.",
    "version": "Print the version.",
}
"""The subcommands, in the order in which ``--help`` lists them."""


def declare(commands: Any, name: str) -> None:
    """Have one subcommand declare its options; only now is its file imported."""
    file = "importing" if name == "import" else name.replace("-", "_")  # `import` is a word of Python's
    import_module(f"strongroom.cli.{file}").add(commands)
