"""LightGBM finds its OpenMP library where the system has none."""

import subprocess
import sys

import pytest

from lyceum.train.engine.openmp import LIBRARY, find_bundled_openmp, with_library_name

TAKES_THE_COPY = """
import ctypes
from pathlib import Path
from lyceum.train.engine import openmp

openmp._load_from_memory(openmp.with_library_name(openmp.find_bundled_openmp().read_bytes(), openmp.LIBRARY))
import lightgbm
import numpy as np

table = np.arange(200.0).reshape(100, 2)
lightgbm.LGBMRegressor(n_estimators=3, n_jobs=2, verbose=-1).fit(table, table[:, 0]).predict(table)
loaded = {line.split(maxsplit=5)[5] for line in Path("/proc/self/maps").read_text().splitlines() if openmp.LIBRARY in line}
print(loaded)
"""


def test_lightgbm_trains_on_the_copy_from_scikit_learns_wheel() -> None:
    done = subprocess.run([sys.executable, "-c", TAKES_THE_COPY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{{'/memfd:{LIBRARY} (deleted)'}}"


def test_only_a_name_that_the_library_had_can_be_given_back() -> None:
    bundled = find_bundled_openmp()
    assert bundled is not None
    with pytest.raises(ValueError, match="never was called"):
        with_library_name(bundled.read_bytes(), "libother.so.1")


def test_what_is_no_library_is_refused() -> None:
    with pytest.raises(ValueError, match="no 64-bit"):
        with_library_name(b"#!/bin/sh\n", LIBRARY)
