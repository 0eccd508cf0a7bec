"""Run a program of the web app's packages with Node from its wheel: `python scripts/node.py tsc --noEmit`.

`npm` runs npm itself, for instance `npm install NAME`; run `scripts/complete_lock.py` after what changes the lock.
The packages are fetched first when the lock has changed. `--in FOLDER` names another folder than `web`.
"""

import json
import subprocess
import sys
from pathlib import Path

from lyceum.webbuild import Node, WebNotBuilt, find_node, install

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"


def command_of(words: list[str], folder: Path, node: Node) -> list[str]:
    """Return the command that runs the program named first; raises `WebNotBuilt` when no package has it."""
    name, *arguments = words
    if name == "npm":
        return [*node.npm, *arguments]
    install(folder, node, tools=True, say=lambda line: print(line, file=sys.stderr))
    # npm's links are scripts with `#!/usr/bin/env node`, which need not be the Node meant here
    link = folder / "node_modules" / ".bin" / name
    if not link.exists():
        raise WebNotBuilt(f"No package of {folder.name} has a program {name!r}.")
    return [*node.node, str(link.resolve()), *arguments]


def main(arguments: list[str]) -> None:
    """Run the program and end with its exit code."""
    folder = WEB
    if arguments[:1] == ["--in"]:
        folder, arguments = ROOT / arguments[1], arguments[2:]
    if not arguments:
        names = sorted(json.loads((WEB / "package.json").read_text(encoding="utf-8"))["scripts"])
        sys.exit(f"Name a program, such as `vite` or `npm run NAME` with one of {', '.join(names)}.")
    try:
        node = find_node()
        command = command_of(arguments, folder, node)
    except WebNotBuilt as error:
        sys.exit(str(error))
    sys.exit(subprocess.run(command, cwd=folder, env=node.environment, check=False).returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
