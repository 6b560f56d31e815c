"""A browser without a screen: cookies, forms and redirects over plain HTTP, and headers that a test may spoil."""

from __future__ import annotations

import http.client
import re
import ssl
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlencode, urlsplit

Fields = list[tuple[str, str]]
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
_TAGS = re.compile(r"<(script|style)\b.*?</\1>|<[^>]+>", re.DOTALL)


@dataclass(frozen=True)
class Page:
    """One answer, where it came from, and how it reads."""

    status: int
    where: str
    headers: dict[str, str]
    html: str

    @property
    def text(self) -> str:
        """What a person reads."""
        return " ".join(unescape(_TAGS.sub(" ", self.html)).split())


@dataclass
class Browser:
    """One browser. ``origin``: what it says of where its forms are from; None leaves the header out.

    ``authorities``: the file of those that it trusts, where the server speaks TLS.
    """

    url: str
    origin: str | None = ""
    cookies: dict[str, str] = field(default_factory=dict)
    token: str = ""
    more: dict[str, str] = field(default_factory=dict)
    authorities: str = ""

    def get(self, where: str) -> Page:
        """A page, after all redirects."""
        return self._follow(self.send("GET", where))

    def post(self, where: str, *pairs: tuple[str, str], token: str | None = None, **fields: str) -> Page:
        """Send a form, with the token that the last page had; the page after all redirects."""
        return self._follow(self.send("POST", where, [*self._token(token), *fields.items(), *pairs]))

    def _token(self, given: str | None) -> Fields:
        token = self.token if given is None else given
        return [("form_token", token)] if token else []

    def _follow(self, page: Page) -> Page:
        for _ in range(5):
            if page.status != 303:
                break
            page = self.send("GET", page.headers["location"])
        found = _TOKEN.search(page.html)
        if found:
            self.token = found[1]
        return page

    def send(self, method: str, where: str, fields: Fields | None = None) -> Page:
        """One request, nothing followed."""
        parts = urlsplit(self.url)
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if not self.cookies:
            headers = {}
        body = None
        if fields is not None:
            body = urlencode(fields)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            if self.origin is not None:
                headers["Origin"] = self.origin or self.url
        connection = self._connection(parts.hostname or "", parts.port)
        try:
            connection.request(method, where, body=body, headers=headers | self.more)
            answer = connection.getresponse()
            html = answer.read().decode()
        finally:
            connection.close()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                kept = rest.partition(";")[0]
                self.cookies.pop(key, None)
                if kept:
                    self.cookies[key] = kept
        return Page(answer.status, where, {name.lower(): value for name, value in answer.getheaders()}, html)

    def _connection(self, host: str, port: int | None) -> http.client.HTTPConnection:
        if not self.authorities:
            return http.client.HTTPConnection(host, port, timeout=60)
        trusted = ssl.create_default_context(cafile=self.authorities)
        return http.client.HTTPSConnection(host, port, timeout=60, context=trusted)

    def sign_in(self, account: str, user: str, password: str, code: str = "") -> Page:
        """Sign in with a password."""
        return self.post("/console/sign-in", account=account, user=user, password=password, code=code)
