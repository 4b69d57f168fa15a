"""Weather's own OAuth 2.0 token endpoint: client credentials (RFC 6749 section 4.4), Basic or form, opaque tokens."""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote_plus

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse

SCOPE = "weather.read"
MAX_BODY_BYTES = 8192
MAX_LIVE_TOKENS = 10_000


class TokenError(Exception):
    """An error of RFC 6749 section 5.2: the code that goes into the body, and the status."""

    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


@dataclass(frozen=True)
class Client:
    """The one client that may have tokens."""

    identifier: str
    secret: str

    def is_(self, identifier: str, secret: str) -> bool:
        """Compares both in constant time, and always both."""
        same = hmac.compare_digest(identifier.encode(), self.identifier.encode())
        return hmac.compare_digest(secret.encode(), self.secret.encode()) and same


class Tokens:
    """Issues tokens and knows the live ones, by hash only. `clock` gives seconds and never goes back."""

    def __init__(self, client: Client, lifetime_seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._lifetime = lifetime_seconds
        self._clock = clock
        self._ends: dict[bytes, float] = {}

    def issue(self, authorization: str | None, form: Mapping[str, str]) -> dict:
        """The body of a token response. Raises `TokenError`."""
        identifier, secret = _credentials(authorization, form)
        if not self._client.is_(identifier, secret):
            raise TokenError("invalid_client", status=401)
        if form.get("grant_type") != "client_credentials":
            raise TokenError("unsupported_grant_type" if "grant_type" in form else "invalid_request")
        if not set(form.get("scope", SCOPE).split()) <= {SCOPE}:
            raise TokenError("invalid_scope")
        token = secrets.token_urlsafe(32)
        self._remember(token)
        return {"access_token": token, "token_type": "Bearer", "expires_in": self._lifetime, "scope": SCOPE}

    def admits(self, headers: Headers) -> bool:
        """Whether the request carries a live token."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # The look-up is by digest, so its timing says nothing about the token.
        ends = self._ends.get(_digest(token.strip()), 0.0)
        return scheme.lower() == "bearer" and self._clock() < ends

    def _remember(self, token: str) -> None:
        now = self._clock()
        self._ends = {digest: ends for digest, ends in self._ends.items() if ends > now}
        while len(self._ends) >= MAX_LIVE_TOKENS:
            self._ends.pop(next(iter(self._ends)))
        self._ends[_digest(token)] = now + self._lifetime


def endpoint(tokens: Tokens):
    """The handler for `POST /oauth/token`."""

    async def handle(request: Request) -> JSONResponse:
        headers = {"Cache-Control": "no-store"}
        try:
            form = await _form(request)
            return JSONResponse(tokens.issue(request.headers.get("authorization"), form), headers=headers)
        except TokenError as error:
            if error.status == 401:
                headers["WWW-Authenticate"] = 'Basic realm="weather"'
            return JSONResponse({"error": error.code}, status_code=error.status, headers=headers)

    return handle


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TokenError("invalid_request", status=413)
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=32)
    except ValueError:
        raise TokenError("invalid_request") from None
    if any(len(values) > 1 for values in fields.values()):
        raise TokenError("invalid_request")
    return {name: values[0] for name, values in fields.items()}


def _credentials(authorization: str | None, form: Mapping[str, str]) -> tuple[str, str]:
    """Client id and secret from Basic (form-encoded inside, RFC 6749 section 2.3.1) or from the form, never from both."""
    if authorization is None:
        return form.get("client_id", ""), form.get("client_secret", "")
    if "client_secret" in form:
        raise TokenError("invalid_request")
    scheme, _, encoded = authorization.partition(" ")
    try:
        identifier, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TokenError("invalid_client", status=401) from None
    if scheme.lower() != "basic":
        raise TokenError("invalid_client", status=401)
    return unquote_plus(identifier), unquote_plus(secret)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
