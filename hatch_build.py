"""Puts the built web app into wheels; an editable install leaves that to `lyceum up`."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebApp(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the web app before a wheel is packed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the app when its sources are here and have changed; a wheel without it is not made."""
        root = Path(self.root)
        if version == "editable" or not (root / "web" / "package-lock.json").is_file():
            return
        _webbuild(root).build(root / "web", root / "src" / "lyceum" / "_web", say=self.app.display_info)


def _webbuild(root: Path) -> ModuleType:
    # what is built need not be installed where it is built
    spec = importlib.util.spec_from_file_location("lyceum_webbuild", root / "src" / "lyceum" / "webbuild.py")
    if spec is None or spec.loader is None:
        raise ImportError("src/lyceum/webbuild.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
