"""Watch the loopback while a command runs, and look for private images in what crossed it.

`record` runs a command and returns the bytes of every TCP connection, in order, one stream for
each direction. It runs it in a network of its own where the kernel lets users make one, so that
nothing else is heard; else as it is, which takes root. `find_images` looks for images in them.
"""

import contextlib
import fcntl
import itertools
import mmap
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

OWN_NETWORK = ["unshare", "--user", "--map-root-user", "--net"]
EVERYTHING = 3  # ETH_P_ALL
SOL_PACKET, PACKET_RX_RING, PACKET_VERSION, PACKET_IGNORE_OUTGOING, TPACKET_V2 = (
    263,
    5,
    10,
    23,
    1,
)
FRAME, FRAMES = (
    1 << 17,
    1 << 10,
)  # the largest packet of the loopback has 64 KiB and its headers
LAST = b"\0end of the recording"
MARGIN = 3  # pixels that crops for training may move an image by
ALIKE = 0.9999  # correlation from which two rows of pixels are the same
AT_ONCE = 1 << 15  # windows


def can_record() -> bool:
    """Tell whether the loopback can be heard here."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
        return True
    except (PermissionError, AttributeError):
        return _own_network()


def record(command: Sequence, folder: Path, **options) -> tuple[str, list[bytes]]:
    """Run a command; return what it printed, and all that crossed the loopback meanwhile.

    `options` are those of `subprocess.run`; streams are kept in `folder`.
    """
    network = OWN_NETWORK if _own_network() else []
    inner = [*network, sys.executable, __file__, folder, *map(str, command)]
    done = subprocess.run(inner, capture_output=True, encoding="utf-8", **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, [path.read_bytes() for path in sorted(folder.glob("*.stream"))]


def _own_network() -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*OWN_NETWORK, "true"], capture_output=True).returncode == 0


def find_images(streams: Sequence[bytes], images: np.ndarray) -> set[int]:
    """Return which images (n, C, H, W) a plain row of pixels is found of.

    Of each image the middle of its roughest row is looked for: in all places, as bytes and as
    floats of 16, 32 and 64 bits, whatever scaled and shifted by, from left to right and
    from right to left, with channels first or last, and moved as crops for training are. What
    is compressed or encrypted is not found.
    """
    rows = _roughest(images)
    wanted = np.concatenate([rows, rows[:, ::-1]])
    found: set[int] = set()
    for stream in streams:
        for values in _readings(stream):
            for step in (1, images.shape[1]):
                found |= set((_places(values, step, wanted) % len(images)).tolist())
    return found


def _roughest(images: np.ndarray) -> np.ndarray:
    """Return a row of each image, float32 (n, W - 2·MARGIN), of mean 0 and length 1."""
    inner = images[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN].astype(np.float32)
    inner = inner.reshape(len(images), -1, inner.shape[-1])
    rough = np.abs(np.diff(inner, n=2, axis=2)).sum(axis=2)
    return _normalised(inner[np.arange(len(images)), rough.argmax(axis=1)])


def _normalised(windows: np.ndarray) -> np.ndarray:
    windows = windows - windows.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(windows, axis=-1, keepdims=True)
    return np.divide(windows, length, out=np.zeros_like(windows), where=length > 1e-4)


def _readings(stream: bytes) -> Iterator[np.ndarray]:
    """Yield the numbers that the bytes may be, float32."""
    for dtype in (np.uint8, np.float16, np.float32, np.float64, "bfloat16"):
        size = 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
        for first in range(min(size, len(stream))):
            part = stream[first : first + (len(stream) - first) // size * size]
            if dtype == "bfloat16":
                values = (np.frombuffer(part, np.uint16).astype(np.uint32) << 16).view(
                    np.float32
                )
            else:
                values = np.frombuffer(part, dtype)
            usable = np.abs(values) < 1e4  # False for what is no number
            yield np.where(usable, values, 0).astype(np.float32)


def _places(values: np.ndarray, step: int, wanted: np.ndarray) -> np.ndarray:
    """Return which wanted rows stand somewhere among the values, `step` apart."""
    width = step * (wanted.shape[1] - 1) + 1
    if len(values) < width:
        return np.empty(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(values, width)[:, ::step]
    found = np.zeros(len(wanted), bool)
    for first in range(0, len(windows), AT_ONCE):
        alike = _normalised(windows[first : first + AT_ONCE]) @ wanted.T
        found |= (np.abs(alike) > ALIKE).any(axis=0)
    return np.flatnonzero(found)


def _open_ring() -> tuple[socket.socket, mmap.mmap]:
    """Return a socket that hears the loopback, and the memory its packets are left in.

    Memory of its own (packet_mmap), as an ordinary user's buffer holds three packets.
    """
    ears = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERYTHING))
    ears.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
    ears.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)  # each would be heard twice
    ears.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack("4I", FRAME, FRAMES, FRAME, FRAMES))
    ears.bind(("lo", 0))
    return ears, mmap.mmap(ears.fileno(), FRAME * FRAMES)


def _listen(ears: socket.socket, ring: mmap.mmap, packets: list[bytes]) -> None:
    """Keep packets until the last one comes."""
    for frame in itertools.cycle(range(0, FRAME * FRAMES, FRAME)):
        while not struct.unpack_from("I", ring, frame)[0] & 1:  # not ours yet
            select.select([ears], [], [], 0.1)
        _, _, size, start = struct.unpack_from("3IH", ring, frame)
        packets.append(ring[frame + start : frame + start + size])
        struct.pack_into("I", ring, frame, 0)
        if packets[-1].endswith(LAST):
            return


def _streams(packets: list[bytes]) -> list[bytes]:
    """Put the bytes of each connection's directions in order."""
    ways: dict[bytes, dict[int, bytes]] = {}
    for packet in packets:
        for way, number, begins, payload in _segment(packet[14:]):  # behind the Ethernet header
            if begins:
                ways[way] = {number: b"\0"}  # which takes a number, as a byte does
            elif way in ways and len(payload) > len(ways[way].get(number, b"")):
                ways[way][number] = payload
    return [_joined(parts) for parts in ways.values()]


def _segment(packet: bytes) -> Iterator[tuple[bytes, int, bool, bytes]]:
    """Yield (connection and direction, sequence number, is it the first, payload) of TCP."""
    version = packet[0] >> 4
    if version == 4 and packet[9] == socket.IPPROTO_TCP:
        head, addresses = 4 * (packet[0] & 15), packet[12:20]
        end = struct.unpack(">H", packet[2:4])[0] or len(packet)
    elif version == 6 and packet[6] == socket.IPPROTO_TCP:
        head, addresses, end = 40, packet[8:40], len(packet)
    else:
        return
    segment = packet[head:end]
    number, begins = struct.unpack(">I", segment[4:8])[0], bool(segment[13] & 2)
    yield addresses + segment[:4], number, begins, segment[4 * (segment[12] >> 4) :]


def _joined(parts: dict[int, bytes]) -> bytes:
    first = next(iter(parts))
    joined, end = [], 0
    for number, payload in sorted(((n - first) % 2**32, p) for n, p in parts.items()):
        if number >= 2**31:  # before the first: asks whether the other side is alive
            continue
        if number > end:
            sys.exit("packets were lost: the recording has gaps")
        joined.append(payload[end - number :])
        end = max(end, number + len(payload))
    return b"".join(joined)[1:]


def _up() -> None:
    """Bring the loopback of a new network up; elsewhere it is, and who may not need not."""
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with control, contextlib.suppress(PermissionError):
        fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS


def _main(folder: Path, command: list[str]) -> int:
    _up()
    packets: list[bytes] = []
    listener = threading.Thread(target=_listen, args=(*_open_ring(), packets))
    listener.start()
    code = subprocess.run(command).returncode
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(LAST, ("127.0.0.1", 9))
    listener.join()
    for place, stream in enumerate(_streams(packets)):
        (folder / f"{place:04}.stream").write_bytes(stream)
    return code


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), sys.argv[2:]))
