"""A client of the vault over HTTP, for the smoke test: standard library only."""

import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from typing import Any


class Failed(Exception):
    """A step did not hold; the text says what was expected and what came."""


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: Message
    body: bytes
    url: str

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode()


@dataclass
class Client:
    """Somebody who talks to the vault: a browser with cookies, or a machine with a token."""

    address: str
    token: str = ""
    cookies: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        expect: int | tuple[int, ...] = 200,
        **headers: str,
    ) -> Answer:
        """Send one request, follow redirects, and insist on the status."""
        request = urllib.request.Request(urllib.parse.urljoin(self.address, path), data=body, method=method)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for cookie in self.cookies:
            if "csrf" in cookie.name and cookie.value:
                request.add_header("X-CSRFToken", cookie.value)
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        try:
            with opener.open(request, timeout=60) as got:
                answer = Answer(got.status, got.headers, got.read(), got.url)
        except urllib.error.HTTPError as refused:
            answer = Answer(refused.code, refused.headers, refused.read(), refused.url)
        if answer.status not in (expect if isinstance(expect, tuple) else (expect,)):
            said = answer.body[:400].decode(errors="replace")
            raise Failed(f"{method} {path} should answer {expect}, answered {answer.status}: {said}")
        return answer

    def send(self, method: str, path: str, what: Any, *, expect: int | tuple[int, ...] = 201) -> Any:
        """Send JSON, return the JSON that comes back."""
        body = json.dumps(what).encode()
        answer = self.ask(method, path, body, expect=expect, Content_Type="application/json")
        return answer.json if answer.body else None

    def submit(self, path: str, **fields: str) -> Answer:
        """Fill in the form of a page as a browser would."""
        hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.ask("GET", path).text)
        if hidden is None:
            raise Failed(f"{path} has no form")
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": hidden[1]} | fields).encode()
        return self.ask("POST", path, body, Content_Type="application/x-www-form-urlencoded")
