"""What a process learns of the machine it runs on."""

import os
from pathlib import Path

import pytest

from lyceum.kernel.machine import memory_bytes

GIBIBYTE = 1024**3


def test_a_container_has_the_memory_of_its_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(f"{GIBIBYTE}\n")
    monkeypatch.setattr("lyceum.kernel.machine.CGROUP_LIMITS", (tmp_path / "missing", tmp_path / "memory.max"))
    assert memory_bytes() == GIBIBYTE


def test_a_container_without_a_limit_has_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("max\n")
    monkeypatch.setattr("lyceum.kernel.machine.CGROUP_LIMITS", (tmp_path / "memory.max",))
    assert memory_bytes() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
