"""The web application: Starlette's routes around pages that are plain functions, each run in a bounded thread."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strongroom.base.http import HTTPReply, HTTPRequest
from strongroom.console import guard
from strongroom.console.desk import Desk, is_own_form
from strongroom.console.front import Furnishing
from strongroom.console.pages import OPEN_PAGES, PAGES
from strongroom.console.rendering import environment
from strongroom.console.visit import BadForm, House, Reply, Stop, Visit, fields, query
from strongroom.kernel.call import Source
from strongroom.kernel.signedin import Refused, RoleOver, SessionOver, SignedIn

log = logging.getLogger("strongroom.console")

Page = Callable[[Visit], Reply]
STATIC = Path(__file__).with_name("static")
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


class Site:
    """The console as an application of Starlette's, asked with our own requests and replies."""

    def __init__(self, door: SignedIn, furnishing: Furnishing) -> None:
        files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in _KINDS}
        self._files = files
        mark = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:12]
        self._house = House(
            desk=Desk(door, idle=furnishing.idle, length=furnishing.length),
            door=door,
            templates=environment(mark),
            regions=furnishing.regions,
            region=furnishing.region,
            certificates=furnishing.certificates,
        )
        static = Route("/console/static/{mark}/{name}", self._static, methods=["GET"])
        pages = [
            Route(path, self._endpoint(page, signed_in=signed_in), methods=[method])
            for table, signed_in in ((OPEN_PAGES, False), (PAGES, True))
            for method, path, page in table
        ]
        self._app = Starlette(routes=[static, *pages], exception_handlers={404: self._missing, 405: self._missing})
        self._app.router.redirect_slashes = False  # its redirects would have none of our headers

    async def __call__(self, request: HTTPRequest, source: Source, threads: ThreadPoolExecutor) -> HTTPReply:
        """The reply to one request, its page made in one of ``threads``."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "https" if source.secure else "http",
            "path": request.path.decode("latin-1"),
            "raw_path": request.path,
            "query_string": request.query,
            "root_path": "",
            "headers": list(request.headers),
            "state": {"request": request, "source": source, "threads": threads},
        }
        sent: list[Mapping[str, Any]] = []

        async def receive() -> Mapping[str, Any]:
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, send)  # type: ignore[arg-type]  # mappings do where dicts are declared
        headers = [pair for pair in sent[0]["headers"] if pair[0] != b"content-length"]
        return HTTPReply(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))

    # ------------------------------------------------------------------ endpoints

    def _endpoint(self, page: Page, *, signed_in: bool) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            loop, threads = asyncio.get_running_loop(), request.scope["state"]["threads"]
            reply = await loop.run_in_executor(threads, self._answer, page, request, signed_in)
            return _response(reply)

        return endpoint

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        body = self._files.get(name)
        if body is None:
            return _response(self._missing_reply(request))
        headers = guard.HEADERS | {"cache-control": "public, max-age=31536000, immutable"}
        return Response(body, media_type=_KINDS[Path(name).suffix], headers=headers)

    async def _missing(self, request: Request, _error: Exception) -> Response:
        return _response(self._missing_reply(request))

    def _missing_reply(self, request: Request) -> Reply:
        asked: HTTPRequest = request.scope["state"]["request"]
        visit = Visit(self._house, asked, request.scope["state"]["source"], {}, {}, {})
        return visit.page("missing.html", status=404)

    # ------------------------------------------------------------------ one page, in a thread

    def _answer(self, page: Page, asked: Request, signed_in: bool) -> Reply:
        request: HTTPRequest = asked.scope["state"]["request"]
        visit = Visit(self._house, request, asked.scope["state"]["source"], dict(asked.path_params), {}, {})
        try:
            return self._guarded(page, visit, signed_in=signed_in)
        except Stop as stop:
            return stop.reply
        except SessionOver as over:
            return _over(visit, over)
        except Refused as refusal:
            return visit.page("refused.html", status=refusal.status, refusal=refusal)
        except BadForm:
            return visit.page("bad_form.html", status=400)
        except Exception as error:  # noqa: BLE001  the browser gets a plain page, the log gets the trace without texts
            frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
            log.error("a page failed: %s\n%s", type(error).__name__, frames)  # noqa: TRY400  as said
            return visit.page("broken.html", status=500)

    def _guarded(self, page: Page, visit: Visit, *, signed_in: bool) -> Reply:
        request = visit.request
        visit.query = query(request)
        changes = request.method not in ("GET", "HEAD")
        if changes and not guard.is_from_here(request):
            return visit.page("foreign.html", status=403)
        if changes:
            visit.form = fields(request)
        if signed_in:
            cookie = guard.cookie_of(request, secure=visit.secure)
            if not cookie:
                return visit.go("/console/sign-in")
            visit.person = self._house.desk.person(cookie)
            if changes and not is_own_form(visit.person, visit.field("form_token")):
                return visit.page("foreign.html", status=403)
            if visit.person.must_change and request.path not in _OPEN_UNTIL_CHANGED:
                return visit.go("/console/password")
        region = visit.path.get("region")
        if region is not None and region not in self._house.regions:
            visit.path = {}
            return visit.page("missing.html", status=404)
        return page(visit)


def _over(visit: Visit, over: SessionOver) -> Reply:
    """A role's session that is over leaves the user's own; that one being over leaves nothing but to sign in."""
    if isinstance(over, RoleOver):
        return visit.go("/console/switch-role?over=1")
    reply = visit.go("/console/sign-in?over=1")
    cookie = guard.set_cookie("", secure=visit.secure)
    return Reply("", reply.status, dict(reply.headers) | {"set-cookie": cookie})


_OPEN_UNTIL_CHANGED = (b"/console/password", b"/console/sign-out")


def _response(reply: Reply) -> Response:
    headers = guard.HEADERS | guard.NO_STORE | dict(reply.headers)
    return Response(reply.body, reply.status, headers, media_type=None if reply.status == 303 else reply.kind)
