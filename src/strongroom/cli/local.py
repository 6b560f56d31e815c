"""Asking the running server over its admin socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strongroom.server.directory import DataDirectory
from strongroom.server.lines import BadLine, Message, ask
from strongroom.server.parts import StartRefused

_ANSWER_SECONDS = 130.0


def ask_admin(directory: DataDirectory, message: Mapping[str, Any]) -> Message:
    """The server's answer. Raises StartRefused where it refuses, or where no server is running."""
    try:
        answer = ask(directory.admin_socket, message, timeout=_ANSWER_SECONDS)
    except (FileNotFoundError, ConnectionRefusedError):
        raise StartRefused(f"no server is running on {directory.root}") from None
    except PermissionError:
        raise StartRefused(f"only the user who serves {directory.root}, or root, may do this") from None
    except (OSError, BadLine) as error:
        raise StartRefused(f"the server on {directory.root} did not answer: {error}") from None
    if "refused" in answer:
        raise StartRefused(str(answer["refused"]))
    return answer


def is_running(directory: DataDirectory) -> bool:
    """Whether a server answers on the admin socket."""
    try:
        ask_admin(directory, {"do": "status"})
    except StartRefused:
        return False
    return True
