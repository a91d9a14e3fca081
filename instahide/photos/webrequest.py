"""One careful HTTP request: redirects followed by hand, secrets neither shared nor shown."""

import base64
import ipaddress
import os
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import requests

from instahide.errors import InstaHideError

USER, PASSWORD, TOKEN = (f"INSTAHIDE_DOWNLOAD_{name}" for name in ("USER", "PASSWORD", "TOKEN"))
TIMEOUT = (30.0, 60.0)  # seconds to connect, and between two packets
MAX_REDIRECTS = 10


class Temporary(Exception):
    """A failure that another attempt may mend."""


def check_url(url: str) -> None:
    """Refuse an address that is not ``http(s)://host/…``, or that holds a password."""
    _split(url)


def bare(url: str) -> str:
    """Return an address as messages may show it: no user, password, query or fragment."""
    parts = _split(url, may_hold_user=True)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{quote(parts.path, safe='/%:@!$&+,;=~')}"


def authorization(url: str) -> str:
    """Return the Authorization header for `url` from the environment.

    Either ``INSTAHIDE_DOWNLOAD_TOKEN`` (sent as a bearer token), or
    ``INSTAHIDE_DOWNLOAD_USER`` and ``INSTAHIDE_DOWNLOAD_PASSWORD`` (basic). The token
    comes first.

    Raises
    ------
    InstaHideError
        When they are not set, or would travel unencrypted to another machine.
    """
    if not _is_private(_split(url)):
        raise InstaHideError(
            f"{bare(url)} would get the credentials unencrypted: use its https address"
        )
    token, user, password = (os.environ.get(name, "") for name in (TOKEN, USER, PASSWORD))
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise InstaHideError(f"{TOKEN} holds characters that no token has")
    if token:
        return f"Bearer {token}"
    if user and password:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    raise InstaHideError(
        f"{bare(url)} needs credentials: set {USER} and {PASSWORD}, or {TOKEN}, "
        "in the environment"
    )


def get(
    session: requests.Session, url: str, headers: Mapping[str, str], secret: str | None
) -> requests.Response:
    """Request `url` and follow redirects; return a 200, 206 or 416 with its body unread.

    Parameters
    ----------
    session : requests.Session
        Proxies are taken from the environment; ``~/.netrc`` is not.
    url : str
        Its origin (scheme, host and port) alone gets the secret.
    headers : mapping
        Further request headers.
    secret : str or None
        The Authorization header.

    Raises
    ------
    Temporary
        When the connection fails, or the server says that it is busy or at fault.
    InstaHideError
        For any other answer.
    """
    target = url
    for _ in range(MAX_REDIRECTS + 1):
        same = _origin(target) == _origin(url)
        response = _get_once(session, target, headers, secret if same else None)
        if not response.is_redirect:
            _check_status(response, target)
            return response
        response.close()
        target = urljoin(target, response.headers["Location"])
    raise InstaHideError(f"{bare(url)} redirects more than {MAX_REDIRECTS} times")


def _get_once(
    session: requests.Session, url: str, headers: Mapping[str, str], secret: str | None
) -> requests.Response:
    """Send one request. Errors of requests are not shown: their texts hold the query."""
    check_url(url)
    try:
        return session.get(
            url,
            headers={"Accept-Encoding": "identity", **headers},
            auth=_authenticator(secret),
            stream=True,
            allow_redirects=False,
            timeout=TIMEOUT,
        )
    except requests.exceptions.SSLError:
        raise InstaHideError(f"{bare(url)}: the server's certificate is not valid") from None
    except (requests.ConnectionError, requests.Timeout) as error:
        raise Temporary(f"no connection ({type(error).__name__})") from None
    except requests.RequestException as error:
        raise InstaHideError(f"cannot request {bare(url)} ({type(error).__name__})") from None


def _authenticator(
    secret: str | None,
) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Return what adds the secret to a request. Any value keeps requests from ~/.netrc."""

    def authenticate(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if secret is not None:
            request.headers["Authorization"] = secret
        return request

    return authenticate


def _check_status(response: requests.Response, url: str) -> None:
    """Let 200, 206 and 416 pass; close the response and raise for anything else."""
    status = response.status_code
    if status in (200, 206, 416):
        return
    response.close()
    if status in (408, 429) or status >= 500:
        raise Temporary(f"the server answers {status}")
    hint = (
        f"check the credentials in {USER} and {PASSWORD}, or {TOKEN}"
        if status in (401, 403)
        else "check the address"
    )
    raise InstaHideError(f"{bare(url)}: the server answers {status}; {hint}")


def _split(url: str, *, may_hold_user: bool = False) -> SplitResult:
    """Split an address and check its parts, without ever showing what was refused."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise InstaHideError("an address for a download must begin with http:// or https://")
    if "@" in parts.netloc and not may_hold_user:
        raise InstaHideError(
            f"the address of {parts.hostname} holds a user or a password: "
            f"set {USER} and {PASSWORD} in the environment instead"
        )
    return parts


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = _split(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]


def _is_private(parts: SplitResult) -> bool:
    """Say whether what is sent stays encrypted or on this machine."""
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False
