"""The migrations of this release as files; imports nothing heavy, so that a start can tell at once what is new."""

import hashlib
from pathlib import Path


def migrations_folder() -> Path:
    """Return the folder of the migrations: inside the installed package, else beside `src` in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parents[1] / "migrations"


def history_digest() -> str:
    """Return a digest of every migration and function of this release; another digest, another history."""
    digest = hashlib.sha256()
    folder = migrations_folder()
    for file in sorted((*folder.glob("*.py"), *folder.glob("*.sql"), *folder.glob("versions/*.py"))):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(folder)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
