import os

# waiting threads of OpenMP would spin on cores that other trainings need; libgomp reads this once, when it is loaded
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
