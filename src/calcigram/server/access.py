"""Who may ask: the token, compared in constant time, and the name the server is asked under."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

COOKIE = "calcigram_session"

OPEN_PATHS = frozenset({"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"})
"""They say whether the process lives, and nothing else; they need no token."""


class Access:
    """Tells who holds the token.

    Parameters
    ----------
    token : str
        Empty: everyone may ask.

    Examples
    --------
    >>> access = Access("correct horse battery")
    >>> access.holds_token({"authorization": "Bearer correct horse battery"})
    True
    >>> access.holds_token({"authorization": "Bearer wrong"})
    False
    """

    def __init__(self, token: str) -> None:
        self.is_open = not token
        self._digest = _digest(token)
        # Worth nothing elsewhere, and nothing after the server was started anew.
        self.cookie = hmac.new(secrets.token_bytes(32), token.encode(), hashlib.sha256).hexdigest()

    def holds_token(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the header ``authorization`` holds the token, as Bearer or as a password."""
        if self.is_open:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":  # browsers ask for it; any user name will do
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                given = ""
        elif scheme.lower() != "bearer":
            given = ""
        return hmac.compare_digest(_digest(given.strip()), self._digest)

    def holds_cookie(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the page's own cookie comes with a request."""
        if self.is_open:
            return True
        try:
            jar = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        given = jar[COOKIE].value if COOKIE in jar else ""
        return hmac.compare_digest(_digest(given), _digest(self.cookie))


def _digest(token: str) -> bytes:
    """Return a digest: comparing those says nothing of the length either."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
