"""How long the processes of a hub take to stop at most, and when the supervisor kills one that takes longer.

Together, so that the second is never shorter than the first: a killed process loses the predictions it has yet to log, and
the jobs it has yet to give back. Imports nothing, for the supervisor's sake.
"""

LAST_WAKE_SECONDS_MAX = 2.0
"""For a word to the workers that is still to be sent; without it they look within a second."""

LAST_REPORTS_SECONDS_MAX = 2.0
"""For the last traces and crash reports, which go to somebody else's servers."""

SERVING_DRAIN_SECONDS = 5
"""For requests under way."""
SERVING_END_SECONDS_MAX = 10.0
"""For what comes after them: the last of the prediction log is written, the workers are told, connections are closed."""
SERVING_STOP_SECONDS_MAX = SERVING_DRAIN_SECONDS + SERVING_END_SECONDS_MAX + LAST_REPORTS_SECONDS_MAX

WORKER_DRAIN_SECONDS = 8.0
"""For light jobs under way."""
WORKER_END_SECONDS_MAX = 5.0
"""For jobs to be given back, and once more for how they ended to be written."""
CHILD_END_SECONDS_MAX = 3.5
"""For the processes of one job to end: before the job is given back, or when they had just been started as a spare."""
WORKER_CLOSE_SECONDS_MAX = 2.0
"""For all spare child processes together."""
WORKER_LAST_WORDS_SECONDS_MAX = 2.0
"""For what jobs said and what was counted to be written, when the jobs have ended."""
WORKER_STOP_SECONDS_MAX = (
    WORKER_DRAIN_SECONDS
    + 2 * WORKER_END_SECONDS_MAX
    + CHILD_END_SECONDS_MAX
    + WORKER_LAST_WORDS_SECONDS_MAX
    + WORKER_CLOSE_SECONDS_MAX
    + LAST_WAKE_SECONDS_MAX
    + LAST_REPORTS_SECONDS_MAX
)
