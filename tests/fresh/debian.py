"""A Debian that holds nothing but its smallest system, Python with venv and make, entered in namespaces of its own.

It has its own root, processes, `/tmp`, `/dev/shm` and shared memory; the network is the machine's, for its package
registries. What pip is told on this machine (indexes, certificates, proxies) goes in with it. Needs root.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,make,ca-certificates"
PREPARED = REPOSITORY / ".cache" / "fresh" / SUITE
PREPARE_SECONDS_MAX = 1200
# what a container is given unless it asks for more
SHARED_MEMORY = "64m"
ORDINARY_ACCOUNT = "someone"
CHECKOUT = "my work/Lyceum hub"

ENTER = r"""
set -eu
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$PREPARED,upperdir=$OWN/upper,workdir=$OWN/work" "$OWN/root"
cd "$OWN/root"
mount -t proc proc proc
mount --rbind /sys sys && mount --make-rslave sys
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"; done
mkdir dev/shm dev/pts
mount -t tmpfs -o "mode=1777,size=$SHARED_MEMORY" tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin && ln -s fd/1 dev/stdout && ln -s fd/2 dev/stderr
for shared in /etc/resolv.conf /etc/hosts $SHARED; do
    if [ -d "$shared" ]; then mkdir -p ".$shared"; else mkdir -p ".$(dirname "$shared")" && touch ".$shared"; fi
    mount --bind "$shared" ".$shared"
done
# a changed root alone would keep the kernel from making user namespaces, which machines of their own have
mkdir -p .before
pivot_root . .before
umount -l /.before
exec chroot --userspec="$ACCOUNT:$ACCOUNT" / /usr/bin/env -i $VARIABLES HOME="$HOME_INSIDE" sh -c 'cd "$1" && eval "$2"' sh "$FOLDER" "$COMMAND"
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class FreshMachine:
    """One machine: `own` holds all that its commands write, over the prepared system that all machines share."""

    own: Path
    account: str

    @property
    def home(self) -> str:
        return "/root" if self.account == "root" else f"/home/{self.account}"

    def run(self, command: str, *, seconds_max: int, folder: str | None = None) -> Ended:
        """Run a shell command as the machine's account in the checkout; every process it leaves is ended with it."""
        given = _pip_settings()
        variables = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            **_proxies(),
            **given.variables,
        }
        entering = {
            **os.environ,
            "PREPARED": str(PREPARED),
            "OWN": str(self.own),
            "SHARED_MEMORY": SHARED_MEMORY,
            "SHARED": " ".join(given.places),
            "ACCOUNT": self.account,
            "HOME_INSIDE": self.home,
            "FOLDER": folder or f"{self.home}/{CHECKOUT}",
            "COMMAND": command,
            "VARIABLES_QUOTED": " ".join(shlex.quote(f"{name}={value}") for name, value in variables.items()),
        }
        script = ENTER.replace("$VARIABLES", entering["VARIABLES_QUOTED"])
        namespaces = ("--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child")
        done = subprocess.run(
            ["unshare", *namespaces, "sh", "-c", script],
            env=entering,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds_max,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class PipSettings:
    """What pip is told here, as variables, and the files and folders of this machine that it names."""

    variables: dict[str, str]
    places: tuple[str, ...]


def prepare_debian() -> None:
    """Make the smallest Debian once, from the mirror that apt uses here; later calls find it done."""
    if PREPARED.exists():
        return
    if not shutil.which("debootstrap"):
        subprocess.run(["apt-get", "update", "-qq"], check=True, capture_output=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "debootstrap"], check=True, capture_output=True)
    PREPARED.parent.mkdir(parents=True, exist_ok=True)
    # debootstrap cannot work in a path with a space, which the checkout's may be
    with tempfile.TemporaryDirectory(prefix="lyceum-debian-", ignore_cleanup_errors=True) as folder:
        made = Path(folder) / SUITE
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, made, *_mirror()],
            capture_output=True,
            text=True,
            timeout=PREPARE_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        subprocess.run(["chroot", made, "useradd", "--create-home", ORDINARY_ACCOUNT], check=True)
        partial = PREPARED.with_name(f"{SUITE}.{os.getpid()}")
        subprocess.run(["mv", made, partial], check=True)
    partial.rename(PREPARED)


def fresh_machine(own: Path, account: str) -> FreshMachine:
    """Return a machine with a clean clone of this checkout in a path with a space, in the account's home."""
    prepare_debian()
    for name in ("upper", "work", "root"):
        (own / name).mkdir()
    machine = FreshMachine(own, account)
    home = own / "upper" / machine.home.lstrip("/")
    # an overlay takes a folder's owner and mode from its upper layer
    for folder in (*reversed(home.relative_to(own / "upper").parents[:-1]), home.relative_to(own / "upper")):
        below = (PREPARED / folder).stat()
        (own / "upper" / folder).mkdir()
        (own / "upper" / folder).chmod(below.st_mode)
        os.chown(own / "upper" / folder, below.st_uid, below.st_gid)
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", REPOSITORY, home / CHECKOUT], check=True)
    owner = (PREPARED / machine.home.lstrip("/")).stat()
    subprocess.run(
        ["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", home / CHECKOUT.split("/", maxsplit=1)[0]], check=True
    )
    return machine


def _mirror() -> tuple[str, ...]:
    """Return the mirror of the suite that apt is set up with here; empty for debootstrap's own."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    found = (line.split()[1] for line in done.stdout.splitlines() if line.split()[:1] == [SUITE])
    return tuple(found)[:1]


def _proxies() -> dict[str, str]:
    names = ("http_proxy", "https_proxy", "no_proxy")
    return {name: os.environ[name] for each in names for name in (each, each.upper()) if name in os.environ}


def _pip_settings() -> PipSettings:
    done = subprocess.run(
        [getattr(sys, "_base_executable", sys.executable), "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=True,
    )
    variables: dict[str, str] = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        variables[f"PIP_{name.rpartition('.')[2].upper().replace('-', '_')}"] = value.strip("'\"")
    places = {place for value in variables.values() for word in value.split() if (place := _place(word))}
    return PipSettings(variables, tuple(sorted(places)))


def _place(word: str) -> str | None:
    """Return the file or folder of this machine that a setting names, or None."""
    if word.startswith("file://"):
        # an index links to files beside it
        word = str(Path(urlsplit(word).path).parent)
    return word if word.startswith("/") and Path(word).exists() else None
