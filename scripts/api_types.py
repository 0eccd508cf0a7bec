"""Write `web/src/api/schema.d.ts`, the types of the API, from the hub's own OpenAPI document; or check that they are current.

    python scripts/api_types.py [--check]

openapi-typescript knows no TypeScript later than 5.9, so it stands in a folder of its own, `web/codegen`.
"""

import json
import sys
import tempfile
from pathlib import Path

from lyceum.kernel.config import Settings
from lyceum.pages.document import Document, document_of
from lyceum.web import create_app
from lyceum.webbuild import WebNotBuilt, find_node, install, run

ROOT = Path(__file__).resolve().parent.parent
CODEGEN = ROOT / "web" / "codegen"
TYPES = ROOT / "web" / "src" / "api" / "schema.d.ts"


def types_of(document: Document) -> str:
    """Return the TypeScript of a document; raises `WebNotBuilt`."""
    node = find_node()
    install(CODEGEN, node, tools=True, say=lambda line: print(line, file=sys.stderr))
    program = str(CODEGEN / "node_modules" / "openapi-typescript" / "bin" / "cli.js")
    with tempfile.TemporaryDirectory() as scratch:
        given, made = Path(scratch) / "openapi.json", Path(scratch) / "schema.d.ts"
        given.write_text(json.dumps(document), encoding="utf-8")
        options = ("--default-non-nullable=false", "--alphabetize")
        run((*node.node, program, str(given), "-o", str(made), *options), CODEGEN, node, what="Making the types")
        return made.read_text(encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Write the types, or exit with 1 when `--check` finds them stale."""
    try:
        made = types_of(document_of(create_app(Settings())))
    except WebNotBuilt as error:
        sys.exit(str(error))
    if TYPES.is_file() and TYPES.read_text(encoding="utf-8") == made:
        return
    if arguments == ["--check"]:
        sys.exit("web/src/api/schema.d.ts is not what the API is now: run `make api-types`.")
    TYPES.parent.mkdir(parents=True, exist_ok=True)
    TYPES.write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
