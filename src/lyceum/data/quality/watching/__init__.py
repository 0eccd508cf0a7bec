"""Watching the metrics of datasets, version after version."""
