"""How much of a stranger's file is taken into memory or onto the disk at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """Bounds for one file. Memory stays near a few times `block_bytes` plus `part_bytes`, whatever the file's size."""

    columns_max: int = 4096
    cell_bytes_max: int = 1 << 20
    block_bytes: int = 4 << 20
    """What is parsed at once; a row longer than this is refused."""
    block_cells: int = 1 << 20
    """How many cells of JSON objects are held at once, those of keys that a line does not have included."""
    part_bytes: int = 96 << 20
    """How much typed data goes into one staged Parquet file, measured in memory."""
    unpacked_bytes_max: int = 64 << 30
    """How large a compressed file may become."""
    row_group_bytes_max: int = 4 << 30
    """How large one row group of a Parquet file may be once decoded."""
