"""GNU's OpenMP library for LightGBM, whose wheel leaves it to the system while scikit-learn's wheel brings it along.

A minimal Debian or Ubuntu has no `libgomp.so.1`. scikit-learn's copy has a name of its own, so the dynamic linker would
not take it for the missing one: a copy in memory is given the name back and loaded first.
"""

import ctypes
import os
import struct
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

LIBRARY = "libgomp.so.1"
_ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_PROGRAM_HEADER_LOAD = 1
_PROGRAM_HEADER_DYNAMIC = 2
_DYNAMIC_STRING_TABLE = 5
_DYNAMIC_STRING_BYTES = 10
_DYNAMIC_LIBRARY_NAME = 14


def provide_openmp() -> None:
    """Load `libgomp.so.1` into this process: the system's, else scikit-learn's.

    Raises `ImportError` with one sentence when neither can be had.
    """
    if _is_loadable():
        return
    bundled = find_bundled_openmp()
    if bundled is not None:
        _load_from_memory(with_library_name(bundled.read_bytes(), LIBRARY))
    if not _is_loadable():
        raise ImportError(
            f"Training needs {LIBRARY}, which this system has not: run `apt-get install libgomp1` as root."
        )


def find_bundled_openmp() -> Path | None:
    """Return the OpenMP library in scikit-learn's wheel, or None when scikit-learn came from elsewhere."""
    try:
        files = distribution("scikit-learn").files or []
    except PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in files if file.name.startswith("libgomp"))
    return next((path for path in found if path.is_file()), None)


def with_library_name(library: bytes, name: str) -> bytes:
    """Return the shared library with `name` as its DT_SONAME (System V ABI, chapter 5, "Dynamic Section").

    `name` has to be in its string table, as a renamed library's first name is: it stays in the version definitions.
    Raises `ValueError` when it is not, or when this is no 64-bit little-endian ELF file.
    """
    if not library.startswith(_ELF64_LITTLE_ENDIAN):
        raise ValueError("this is no 64-bit little-endian ELF library")
    headers = _program_headers(library)
    dynamic = next(start for kind, start, _address, _size in headers if kind == _PROGRAM_HEADER_DYNAMIC)
    entries = _dynamic_entries(library, dynamic)
    table_address, table_bytes = entries[_DYNAMIC_STRING_TABLE][1], entries[_DYNAMIC_STRING_BYTES][1]
    table = next(
        start + table_address - address
        for kind, start, address, size in headers
        if kind == _PROGRAM_HEADER_LOAD and address <= table_address < address + size
    )
    place = library.find(b"\0" + name.encode() + b"\0", table, table + table_bytes)
    if place < 0:
        raise ValueError(f"the library never was called {name}")
    renamed = bytearray(library)
    struct.pack_into("<Q", renamed, entries[_DYNAMIC_LIBRARY_NAME][0] + 8, place + 1 - table)
    return bytes(renamed)


def _program_headers(library: bytes) -> list[tuple[int, int, int, int]]:
    """Return (kind, file offset, address, bytes in the file) of each program header."""
    (start,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    headers = []
    for number in range(count):
        kind, _flags, offset, address, _physical, file_bytes = struct.unpack_from(
            "<IIQQQQ", library, start + number * size
        )
        headers.append((kind, offset, address, file_bytes))
    return headers


def _dynamic_entries(library: bytes, start: int) -> dict[int, tuple[int, int]]:
    """Return (file offset, value) of each dynamic entry by its tag; of a repeated tag the last."""
    entries: dict[int, tuple[int, int]] = {}
    while True:
        tag, value = struct.unpack_from("<qQ", library, start)
        if tag == 0:
            return entries
        entries[tag] = (start, value)
        start += 16


def _is_loadable() -> bool:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


def _load_from_memory(library: bytes) -> None:
    descriptor = os.memfd_create(LIBRARY)
    try:
        os.write(descriptor, library)
        ctypes.CDLL(f"/proc/self/fd/{descriptor}", mode=ctypes.RTLD_GLOBAL)
    finally:
        os.close(descriptor)
