"""What a worker holds of the console: it takes a request, and has it answered in a few threads of its own.

Starlette, Jinja2 and the pages are imported when the first page is asked for, in such a thread: a worker's start and
its event loop pay nothing for them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from strongroom.base.classes import dataclass
from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.kernel.call import Source
from strongroom.kernel.signedin import SignedIn

log = logging.getLogger("strongroom.console")

PAGES_AT_ONCE = 4
PAGES_WAITING = 64
SIGN_INS_AT_ONCE = 2
SIGN_INS_WAITING = 16
"""Sign-ins have threads of their own, fewer: each stretches a password, which takes 19 MiB and tens of milliseconds.
A flood of them keeps nobody from the pages.
"""
_SIGN_IN = b"/console/sign-in"
Site = Callable[[HTTPRequest, Source, ThreadPoolExecutor], Awaitable[HTTPReply]]


@dataclass(frozen=True, slots=True)
class Furnishing:
    """What the settings say of the console. ``certificates``: when each of the server's certificates ends, by name."""

    idle: timedelta
    length: timedelta
    regions: Sequence[str]
    region: str
    certificates: Callable[[], Mapping[str, datetime]] = dict


class Front:
    """The console of one worker, while it is unsealed."""

    def __init__(self, door: SignedIn, furnishing: Furnishing) -> None:
        self._door = door
        self._furnishing = furnishing
        self._threads = ThreadPoolExecutor(PAGES_AT_ONCE, thread_name_prefix="console")
        self._signing = ThreadPoolExecutor(SIGN_INS_AT_ONCE, thread_name_prefix="sign-in")
        self._opening = threading.Lock()
        self._site: Site | None = None
        self._waiting = {True: 0, False: 0}

    async def __call__(self, request: HTTPRequest, source: Source) -> HTTPReply:
        """The reply to one request. Never raises."""
        signs_in = request.method == "POST" and request.path == _SIGN_IN
        if self._waiting[signs_in] >= (
            SIGN_INS_AT_ONCE + SIGN_INS_WAITING if signs_in else PAGES_AT_ONCE + PAGES_WAITING
        ):
            return BUSY
        self._waiting[signs_in] += 1
        try:
            site = self._site
            if site is None:
                site = await asyncio.get_running_loop().run_in_executor(self._threads, self._open)
            return await site(request, source, self._signing if signs_in else self._threads)
        except Exception as error:  # noqa: BLE001  the browser gets a plain page, the log the kind of the fault
            log.error("the console failed: %s", type(error).__name__)  # noqa: TRY400  its text may quote a value
            return BROKEN
        finally:
            self._waiting[signs_in] -= 1

    def _open(self) -> Site:
        from strongroom.console import site  # noqa: PLC0415  see above

        with self._opening:
            if self._site is None:
                self._site = site.Site(self._door, self._furnishing)
            return self._site

    def close(self) -> None:
        """Finish what was begun."""
        self._signing.shutdown(wait=True)
        self._threads.shutdown(wait=True)


def _plain(status: int, title: str, text: str) -> HTTPReply:
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title} - Strongroom</title><h1>{title}</h1><p>{text}</p></html>"
    )
    headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        (b"x-content-type-options", b"nosniff"),
    )
    return HTTPReply(status, headers, page.encode())


SEALED = _plain(503, "Strongroom is sealed", "An operator can open it with <code>strongroom unseal</code>.")
BUSY = _plain(503, "Too busy", "Too many pages are asked for at once. Please try again.")
BROKEN = _plain(500, "Something went wrong", "The page could not be made. The server's log says more.")
