"""Copies of a whole hub, database and files at one point: made while it works, checked, put back, thinned out."""
