import base64
import hashlib
import json
import re
import resource
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import requests

from instahide.errors import InstaHideError
from instahide.photos import download, webrequest
from instahide.photos.download import (
    fetch,
    fetch_list,
    file_name,
    keep_fetched,
    read_url_list,
)
from instahide.photos.webrequest import authorization, bare

CONTENT = bytes(range(256)) * 12_000  # 3 MB: several chunks
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


class Site:
    """A web server on this machine whose behaviour tests change as they go."""

    def __init__(self):
        self.content, self.etag = CONTENT, '"1"'
        self.modified = None  # Last-Modified
        self.ranges = True  # whether Range is understood
        self.lengths = True  # whether Content-Length is sent
        self.statuses = []  # answered first, one a request
        self.drops = []  # bytes after which the next connections break
        self.after_a_drop = []  # statuses of the requests that follow one
        self.redirects = {}  # path -> location
        self.extra = {}  # further headers
        self.requests = []  # (path, headers) as received

    def answer(self, handler):
        self.requests.append((handler.path, dict(handler.headers)))
        if handler.path in self.redirects:
            handler.send_response(302)
            handler.send_header("Location", self.redirects[handler.path])
            return handler.send_header("Content-Length", "0") or handler.end_headers()
        if self.statuses:
            handler.send_response(self.statuses.pop(0))
            return handler.send_header("Content-Length", "0") or handler.end_headers()
        body = self.head(handler)
        handler.end_headers()
        if self.drops and (cut := self.drops.pop(0)) is not None:
            body = body[:cut]
            handler.close_connection = True
            self.statuses += self.after_a_drop
        handler.wfile.write(body)

    def head(self, handler):
        """Send status and headers; return the body."""
        wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        condition = handler.headers.get("If-Range")
        body, total = self.content, len(self.content)
        if not wanted or not self.ranges or condition not in (None, self.etag, self.modified):
            handler.send_response(200)
        elif int(wanted[1]) >= total:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{total}")
            body = b""
        else:
            handler.send_response(206)
            start = int(wanted[1])
            body = body[start:]
            handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        headers = {"ETag": self.etag, "Last-Modified": self.modified} | self.extra
        if self.lengths:
            headers = {"Content-Length": str(len(body))} | headers
        for name, value in headers.items():
            if value is not None:
                handler.send_header(name, value)
        return body


@pytest.fixture
def start_site():
    servers = []

    def start():
        site = Site()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if not site.lengths:
                    self.close_connection = True
                site.answer(self)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        site.port = server.server_port
        site.url = f"http://127.0.0.1:{site.port}/photos.tar"
        return site

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(start_site):
    return start_site()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    for name in (webrequest.USER, webrequest.PASSWORD, webrequest.TOKEN):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def get(site, folder, checksum=SHA256, **options):
    path = folder / "photos.tar"
    fetch(site.url, path, checksum=checksum, pause=0, **options)
    return path


def interrupt(site, folder, after=1_500_000):
    """Leave a part of the file behind, as an interrupted run does."""
    site.drops, site.after_a_drop = [after], [404]  # which ends the run
    with pytest.raises(InstaHideError):
        get(site, folder)
    site.after_a_drop, site.requests = [], []
    return folder / ".photos.tar.part"


def ranges(site):
    return [headers.get("Range") for _, headers in site.requests]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("checksum", [SHA256, MD5])
def test_a_file_is_downloaded_and_nothing_else_is_left(site, tmp_path, checksum):
    path = get(site, tmp_path / "new" / "folder", checksum)
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["photos.tar"]


def rights(path):
    return path.stat().st_mode & 0o777


def test_a_secret_file_is_its_owners_from_the_first_byte_on(site, tmp_path):
    site.drops, site.after_a_drop = [1_500_000], [404]
    with pytest.raises(InstaHideError):
        get(site, tmp_path / "secret", secret=True)
    site.after_a_drop = []
    part = tmp_path / "secret" / ".photos.tar.part"
    assert part.stat().st_size
    assert (rights(part), rights(part.parent)) == (0o600, 0o700)
    site.etag = '"2"'  # another version: the part begins anew
    path = get(site, tmp_path / "secret", secret=True)
    assert (path.read_bytes(), rights(path)) == (CONTENT, 0o600)
    path.chmod(0o644)  # from an earlier version of this program
    get(site, tmp_path / "secret", secret=True)
    assert rights(path) == 0o600


def test_secret_copies_and_lists_are_their_owners(site, tmp_path):
    get(site, tmp_path)
    keep_fetched(tmp_path / "photos.tar", tmp_path / "x" / "a", checksum=SHA256, secret=True)
    assert (rights(tmp_path / "x" / "a"), rights(tmp_path / "x")) == (0o600, 0o700)
    path = save_list(tmp_path, f"{site.url} {SHA256}\n")
    (place,) = fetch_list(path, tmp_path / "photos", secret=True)
    assert (rights(place), rights(place.parent)) == (0o600, 0o700)


def test_progress_is_shown(site, tmp_path, capsys):
    get(site, tmp_path)
    shown_lines = capsys.readouterr().err
    assert "photos.tar: 100%" in shown_lines and "3.07M/3.07M" in shown_lines


def test_a_file_that_is_there_is_kept_without_any_network(site, tmp_path):
    (tmp_path / "photos.tar").write_bytes(CONTENT)
    get(site, tmp_path)
    assert site.requests == []


def test_a_file_with_another_checksum_is_replaced(site, tmp_path):
    (tmp_path / "photos.tar").write_bytes(b"old")
    assert get(site, tmp_path).read_bytes() == CONTENT


@pytest.mark.fault("server drops the connection")
def test_an_interrupted_download_is_resumed(site, tmp_path):
    part = interrupt(site, tmp_path)
    assert part.stat().st_size == 1_500_000 and names(tmp_path) == [
        ".photos.tar.part",
        ".photos.tar.part.json",
    ]
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert ranges(site) == ["bytes=1500000-"]
    assert site.requests[0][1]["If-Range"] == '"1"'
    assert names(tmp_path) == ["photos.tar"]


@pytest.mark.fault("server drops the connection")
def test_a_dropped_connection_is_resumed_in_the_same_run(site, tmp_path):
    site.drops = [1_000_000, 500_000]
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert ranges(site) == [None, "bytes=1000000-", "bytes=1500000-"]


def test_last_modified_stands_in_for_a_weak_or_missing_etag(site, tmp_path):
    site.etag, site.modified = 'W/"1"', "Thu, 01 Jan 2026 00:00:00 GMT"
    interrupt(site, tmp_path)
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.requests[0][1]["If-Range"] == site.modified
    assert ranges(site) == ["bytes=1500000-"]


def test_without_any_validator_the_length_and_the_checksum_vouch(site, tmp_path):
    site.etag = None
    interrupt(site, tmp_path)
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert ranges(site) == ["bytes=1500000-"] and "If-Range" not in site.requests[0][1]


@pytest.mark.fault("server ignores Range")
def test_a_server_that_ignores_ranges_starts_afresh(site, tmp_path):
    interrupt(site, tmp_path)
    site.ranges = False
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert ranges(site) == ["bytes=1500000-"]


@pytest.mark.parametrize("honest", [True, False], ids=["honours", "ignores"])
def test_a_file_that_changed_on_the_server_starts_afresh(site, tmp_path, honest):
    part = interrupt(site, tmp_path)
    part.write_bytes(b"?" * 1_500_000)  # bytes of the old version
    site.etag = '"2"'
    if not honest:  # answers 206 with the new version although If-Range names the old
        head = site.head
        site.head = lambda handler: head(_without_if_range(handler))
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert ranges(site) == (["bytes=1500000-"] if honest else ["bytes=1500000-", None])


def _without_if_range(handler):
    del handler.headers["If-Range"]
    return handler


def test_a_part_of_another_wanted_file_is_not_continued(site, tmp_path):
    interrupt(site, tmp_path)
    assert get(site, tmp_path, MD5).read_bytes() == CONTENT
    assert ranges(site) == [None]


@pytest.mark.parametrize("note", ["", "[]", '{"checksum": 1}', None])
def test_a_part_without_its_note_is_not_continued(site, tmp_path, note):
    interrupt(site, tmp_path)
    path = tmp_path / ".photos.tar.part.json"
    path.unlink() if note is None else path.write_text(note, encoding="utf-8")
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert ranges(site) == [None]


def test_a_complete_part_needs_no_network(site, tmp_path):
    interrupt(site, tmp_path).write_bytes(CONTENT)
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.requests == []


@pytest.mark.fault("server sends the wrong length")
def test_a_part_that_is_too_long_starts_afresh(site, tmp_path):
    interrupt(site, tmp_path).write_bytes(CONTENT + b"more")
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert ranges(site) == [f"bytes={len(CONTENT) + 4}-", None]


@pytest.mark.fault("server fails, then answers")
@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_temporary_failures_are_tried_again(site, tmp_path, status):
    site.statuses = [status]
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert len(site.requests) == 2


def test_attempts_are_bounded(site, tmp_path):
    site.statuses = [500] * 100
    with pytest.raises(InstaHideError, match=r"answers 500 \(6 attempts in a row\)"):
        get(site, tmp_path)
    assert len(site.requests) == 6


def test_attempts_that_bring_much_do_not_count(site, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "READ_BYTES", 100_000)
    site.drops = [200_000] * 12
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert len(site.requests) == 13


def test_pauses_grow(site, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(download, "time", SimpleNamespace(sleep=pauses.append))
    site.statuses = [500] * 5
    fetch(site.url, tmp_path / "a", checksum=SHA256, pause=10)
    assert pauses == [10, 20, 40, 60, 60]


@pytest.mark.fault("server sends the wrong length")
def test_bodies_shorter_than_announced_are_not_taken_for_whole(site, tmp_path):
    site.drops = [3_000_000] + [0] * 5
    with pytest.raises(InstaHideError, match="the connection broke"):
        get(site, tmp_path)
    assert "photos.tar" not in names(tmp_path)


def test_a_body_of_unknown_length_is_checked_by_its_checksum(site, tmp_path):
    site.lengths, site.etag = False, None
    assert get(site, tmp_path).read_bytes() == CONTENT
    site.drops = [1_000]
    with pytest.raises(InstaHideError, match="has the checksum"):
        fetch(site.url, tmp_path / "b", checksum=SHA256, pause=0)
    assert names(tmp_path) == ["photos.tar"]


def test_packed_files_stay_packed_whatever_the_server_calls_them(site, tmp_path):
    site.extra = {"Content-Encoding": "gzip"}
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert site.requests[0][1]["Accept-Encoding"] == "identity"


def test_an_unreachable_server_is_an_error_after_some_attempts(tmp_path):
    url = "http://127.0.0.1:1/a.tar"
    with pytest.raises(InstaHideError, match="no connection") as caught:
        fetch(url, tmp_path / "a.tar", checksum=SHA256, pause=0)
    assert url in str(caught.value)


@pytest.mark.parametrize(("status", "hint"), [(404, "address"), (403, "credentials")])
def test_refusals_are_final(site, tmp_path, status, hint):
    site.statuses = [status]
    with pytest.raises(InstaHideError, match=f"answers {status}; check the {hint}"):
        get(site, tmp_path)
    assert len(site.requests) == 1


@pytest.mark.fault("corrupted download")
def test_a_wrong_checksum_keeps_nothing_and_names_everything(site, tmp_path):
    wrong = "sha256:" + "0" * 64
    with pytest.raises(InstaHideError) as caught:
        get(site, tmp_path, wrong)
    for part in (site.url, wrong, SHA256):
        assert part in str(caught.value)
    assert names(tmp_path) == []


@pytest.mark.fault("corrupted download")
def test_a_wrong_checksum_keeps_an_older_file(site, tmp_path):
    (tmp_path / "photos.tar").write_bytes(b"old")
    with pytest.raises(InstaHideError):
        get(site, tmp_path, "md5:" + "0" * 32)
    assert (tmp_path / "photos.tar").read_bytes() == b"old"


@pytest.mark.parametrize(
    "checksum",
    [
        "",
        "sha256:",
        "md5:" + "A" * 32,
        "sha1:" + "0" * 40,
        "sha256:" + "0" * 63,
        SHA256[7:],
        SHA256 + "\n",
    ],
)
def test_checksums_must_be_well_formed(site, tmp_path, checksum):
    with pytest.raises(InstaHideError, match="the checksum"):
        get(site, tmp_path, checksum)
    assert site.requests == []


@pytest.mark.fault("full disk")
def test_a_full_disk_is_explained_and_the_download_goes_on_afterwards(site, tmp_path):
    # A limit on files' sizes stands in for a disk of one megabyte.
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, limit[1]))
    try:
        with pytest.raises(InstaHideError, match=r"cannot write .*photos\.tar: File too large"):
            get(site, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert get(site, tmp_path).read_bytes() == CONTENT
    assert ranges(site) == [None, "bytes=1000000-"]


def test_a_place_that_cannot_be_written_is_explained(site, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InstaHideError, match="cannot write"):
        get(site, tmp_path / "file" / "folder")


@pytest.mark.fault("corrupted download")
def test_what_something_else_fetched_is_kept_only_with_its_checksum(tmp_path):
    (tmp_path / "fetched").write_bytes(CONTENT)
    (tmp_path / "other").write_bytes(CONTENT[:-1])
    keep_fetched(tmp_path / "fetched", tmp_path / "kept", checksum=MD5)
    with pytest.raises(InstaHideError, match=f"{SHA256} is expected"):
        keep_fetched(tmp_path / "other", tmp_path / "kept", checksum=SHA256)
    assert (tmp_path / "kept").read_bytes() == CONTENT
    assert names(tmp_path) == ["fetched", "kept", "other"]


# --- redirects and credentials ---


@pytest.fixture
def secrets(monkeypatch):
    monkeypatch.setenv(webrequest.USER, "ada")
    monkeypatch.setenv(webrequest.PASSWORD, "pässword")


BASIC = "Basic " + base64.b64encode("ada:pässword".encode()).decode()


def sent(site):
    return [headers.get("Authorization") for _, headers in site.requests]


def test_credentials_come_from_the_environment(site, tmp_path, secrets):
    get(site, tmp_path, credentials=True)
    assert sent(site) == [BASIC]


def test_a_token_comes_first(site, tmp_path, secrets, monkeypatch):
    monkeypatch.setenv(webrequest.TOKEN, "tok")
    get(site, tmp_path, credentials=True)
    assert sent(site) == ["Bearer tok"]


def test_credentials_are_sent_only_where_asked_for(site, tmp_path, secrets):
    get(site, tmp_path)
    assert sent(site) == [None]


def test_netrc_is_not_used(site, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password secret\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    assert requests.get(site.url).request.headers["Authorization"]  # requests itself would
    site.requests.clear()
    site.redirects = {"/photos.tar": "/other.tar"}
    get(site, tmp_path)
    assert sent(site) == [None, None]


def test_credentials_follow_redirects_on_the_same_server_only(
    site, start_site, tmp_path, secrets
):
    other = start_site()
    site.redirects = {"/photos.tar": "/moved", "/moved": other.url}
    get(site, tmp_path, credentials=True)
    assert sent(site) == [BASIC, BASIC] and sent(other) == [None]


def test_endless_redirects_end(site, tmp_path):
    site.redirects = {"/photos.tar": site.url}
    with pytest.raises(InstaHideError, match="redirects more than 10 times"):
        get(site, tmp_path)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x/y", "http://a:b@c/d"])
def test_redirects_to_other_schemes_or_with_passwords_are_refused(site, tmp_path, target):
    site.redirects = {"/photos.tar": target}
    with pytest.raises(InstaHideError, match=r"must begin with|holds a user"):
        get(site, tmp_path)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.org/a", True),
        ("http://localhost/a", True),
        ("http://127.8.9.1:80/a", True),
        ("http://[::1]/a", True),
        ("http://example.org/a", False),
        ("http://localhost.example.org/a", False),
        ("http://10.0.0.1/a", False),
    ],
)
def test_credentials_travel_encrypted_or_not_at_all(url, allowed, secrets):
    if allowed:
        assert authorization(url) == BASIC
    else:
        with pytest.raises(InstaHideError, match="unencrypted: use its https address"):
            authorization(url)


def test_missing_credentials_name_the_variables(site, tmp_path, monkeypatch):
    monkeypatch.setenv(webrequest.USER, "ada")
    with pytest.raises(InstaHideError, match="INSTAHIDE_DOWNLOAD_PASSWORD"):
        get(site, tmp_path, credentials=True)
    assert site.requests == []


@pytest.mark.parametrize("token", ["a b", "a\nX-Evil: 1", "tökn"])
def test_tokens_that_cannot_be_sent_are_refused_without_being_shown(monkeypatch, token):
    monkeypatch.setenv(webrequest.TOKEN, token)
    with pytest.raises(InstaHideError) as caught:
        authorization("https://example.org/a")
    assert token not in str(caught.value) and webrequest.TOKEN in str(caught.value)


@pytest.mark.parametrize("trouble", ["500", "drop", "checksum", "refused", "redirect"])
def test_secrets_appear_in_no_message_and_no_file(site, tmp_path, secrets, capsys, trouble):
    site.url += "?signature=s3cret"
    checksum = SHA256
    if trouble == "500":
        site.statuses = [500] * 6
    elif trouble == "drop":
        site.drops = [1000] + [0] * 5
    elif trouble == "checksum":
        checksum = "md5:" + "0" * 32
    elif trouble == "refused":
        site.statuses = [401]
    else:
        site.redirects = {"/photos.tar?signature=s3cret": "http://ada:s3cret@localhost/"}
    with pytest.raises(InstaHideError) as caught:
        get(site, tmp_path, checksum, credentials=True)
    texts = [str(caught.value), *capsys.readouterr()]
    texts += [
        path.read_text(errors="replace", encoding="utf-8") for path in tmp_path.glob(".*json")
    ]
    for secret in ("s3cret", "pässword", BASIC.split()[1]):
        assert not any(secret in text for text in texts)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_note_holds_no_address(site, tmp_path):
    interrupt(site, tmp_path)
    note = json.loads((tmp_path / ".photos.tar.part.json").read_text(encoding="utf-8"))
    assert note == {"checksum": SHA256, "validator": '"1"', "length": len(CONTENT)}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://u:p@example.org:8443/a%20b.tar?k=v#f", "https://example.org:8443/a%20b.tar"),
        ("http://[::1]:80/x\x1b[2J", "http://[::1]:80/x%1B%5B2J"),
    ],
)
def test_addresses_are_shown_without_secrets(url, expected):
    assert bare(url) == expected


@pytest.mark.parametrize(
    "url",
    ["", "photos.tar", "ftp://a/b", "file:///b", "https://", "http://a:x/b", "http://[/b"],
)
def test_addresses_must_be_of_the_web(url, tmp_path):
    with pytest.raises(InstaHideError, match="must begin with http"):
        fetch(url, tmp_path / "a", checksum=SHA256)


def test_addresses_with_passwords_are_refused_without_showing_them(tmp_path):
    with pytest.raises(InstaHideError, match="in the environment instead") as caught:
        fetch("https://ada:s3cret@example.org/a", tmp_path / "a", checksum=SHA256)
    assert "s3cret" not in str(caught.value)


# --- lists ---


def save_list(folder, text):
    path = folder / "urls.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_list_is_read_in_its_order(tmp_path):
    path = save_list(
        tmp_path,
        f"# photos\n\nhttps://example.org/b.tar {SHA256}  # the first\n"
        f"http://example.org/x/a.tar?x=1#y\t{MD5}\n",
    )
    assert read_url_list(path) == [
        ("https://example.org/b.tar", SHA256),
        ("http://example.org/x/a.tar?x=1#y", MD5),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lists no addresses"),
        ("# nothing\n", "lists no addresses"),
        ("\nhttps://example.org/a.tar\n", "line 2: expected an address and a checksum"),
        (f"https://example.org/a.tar {MD5} x\n", "line 1: expected"),
        ("https://example.org/a.tar md5:1\n", "line 1: the checksum 'md5:1'"),
        (f"ftp://example.org/a.tar {MD5}\n", "line 1: .* must begin with http"),
        (f"https://example.org/ {MD5}\n", "line 1: .*usable file name"),
        (f"https://a.org/x {MD5}\nhttps://b.org/x {MD5}\n", "line 2: a second file named 'x'"),
    ],
)
def test_bad_lists_are_refused(text, message, tmp_path):
    path = save_list(tmp_path, text)
    with pytest.raises(InstaHideError, match=message) as caught:
        read_url_list(path)
    assert str(path) in str(caught.value)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(InstaHideError, match=r"urls\.txt"):
        read_url_list(tmp_path / "urls.txt")


@pytest.mark.parametrize(
    "path", ["", ".hidden", "..", "%2e%2e", "a%2Fb", "a%5Cb", "a%00", "%0a"]
)
def test_file_names_must_be_plain(path):
    with pytest.raises(InstaHideError, match="usable file name"):
        file_name(f"https://example.org/x/{path}")


def test_file_names_come_from_the_path():
    assert file_name("https://example.org/x/a%20b.tar?c=/d#e") == "a b.tar"


def test_every_file_of_a_list_is_downloaded(site, tmp_path):
    base = site.url.rpartition("/")[0]
    path = save_list(tmp_path, f"{base}/b.tar {SHA256}\n{base}/a.tar?k=v {MD5}\n")
    places = fetch_list(path, tmp_path / "photos")
    assert places == [tmp_path / "photos" / "b.tar", tmp_path / "photos" / "a.tar"]
    assert all(place.read_bytes() == CONTENT for place in places)
    assert [request[0] for request in site.requests] == ["/b.tar", "/a.tar?k=v"]
    (tmp_path / "photos" / "stranger.jpg").touch()
    with pytest.raises(InstaHideError, match=r"does not list .*stranger\.jpg"):
        fetch_list(path, tmp_path / "photos")
