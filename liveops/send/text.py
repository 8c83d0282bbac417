"""From the bytes of a file to lines of text: gzip, encodings, line ends; binary is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from liveops.errors import InvalidInput

_CHUNK_BYTES = 1 << 18
_GZIP = b"\x1f\x8b"
#: Byte order marks, the longer first: UTF-32 LE begins like UTF-16 LE.
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_CONTROL = bytes(range(9)) + bytes(range(14, 32))
#: Text may hold a stray control character; more than this share is no text.
_MOST_CONTROL = 0.01
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file that has been looked through once: how to read it, and its content's digest."""

    path: Path
    digest: str
    gzipped: bool
    encoding: str

    def open(self) -> TextIO:
        """The text from its beginning, every line end as `\\n`.

        Bytes that the encoding does not know stay as lone surrogates, so that they are a fault
        of the item they lie in.
        """
        errors = "surrogateescape" if self.encoding.startswith("utf-8") else "replace"
        return io.TextIOWrapper(
            _bytes(self.path, self.gzipped), encoding=self.encoding, errors=errors
        )


def look_through(path: Path) -> TextFile:
    """Reads a file once; raises InvalidInput when it cannot be read as text."""
    try:
        gzipped = _is_gzip(path)
        digest = _digest(path)
        with _bytes(path, gzipped) as source:
            encoding = _encoding(source, path.name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(f"{path.name}: broken gzip: {error}") from None
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror or error}") from None
    return TextFile(path, digest, gzipped, encoding)


def _bytes(path: Path, gzipped: bool) -> BinaryIO:
    if gzipped:
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as source:
        return source.read(2) == _GZIP


def _digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _encoding(source: BinaryIO, name: str) -> str:
    """By the byte order mark, else UTF-8, else Windows' Latin-1. Reads to the end."""
    head = source.read(_CHUNK_BYTES)
    marked = next((code for mark, code in _MARKS if head.startswith(mark)), None)
    if marked is None and len(head.translate(None, _CONTROL)) < (1 - _MOST_CONTROL) * len(head):
        raise InvalidInput(f"{name}: binary, no text")
    if marked in ("utf-16", "utf-32"):
        while source.read(_CHUNK_BYTES):  # a broken gzip shows now, not while sending
            pass
        return marked
    source.seek(0)
    other = beyond = False
    with io.TextIOWrapper(source, encoding="utf-8", errors="surrogateescape") as text:
        while chunk := text.read(_CHUNK_BYTES):
            if not chunk.isascii():
                other = other or _NOT_UTF8.search(chunk) is not None
                beyond = beyond or _BEYOND_ASCII.search(chunk.removeprefix("\ufeff")) is not None
    # Where some of it is right UTF-8 the rest is damage, not another encoding.
    return "cp1252" if other and not beyond and marked is None else marked or "utf-8"


def spooled(name: str, standard_input: BinaryIO, folder: Path) -> Path:
    """A file that can be read more than once; pipes and standard input (`-`) go to `folder`.

    Raises InvalidInput.
    """
    path = Path(name)
    try:
        if name != "-" and not path.exists():
            raise InvalidInput(f"{name}: no such file")
        if name != "-" and (path.is_file() or path.is_dir()):
            return path
        spool = folder / "input"
        with spool.open("wb") as target:
            if name == "-":
                shutil.copyfileobj(standard_input, target)
            else:
                with path.open("rb") as source:
                    shutil.copyfileobj(source, target)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{name}: {error}") from None
    return spool
