"""Lyceum: check tables, train models, serve and watch them in one place.

In a notebook, with no server: `lyceum.check(frame, checks)` and `lyceum.fit(frame, target=...)`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lyceum.data.quality.ascode.public import check
    from lyceum.train.engine.public import fit

# loaded at first use: the engines bring heavy libraries that the server's start must not wait for
_MODULE_OF = {
    "check": "lyceum.data.quality.ascode.public",
    "fit": "lyceum.train.engine.public",
}

__all__ = ["check", "fit"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'lyceum' has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)
