"""Never serves."""

import sys


def main() -> None:
    sys.exit("the settings of this program make no sense")
