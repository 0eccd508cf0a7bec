"""The HTML report: one file with its own style and drawings, no scripts, nothing from elsewhere."""
