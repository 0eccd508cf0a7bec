"""How much of a stranger's file is taken into memory or onto the disk at once."""

from dataclasses import dataclass

from lyceum.data.datasets.reading.errors import UnreadableTable


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
    cells_max: int = 8 << 30
    """How many cells a table may have: a file of a few kilobytes can claim any number of them."""
    workbook_cells_max: int = 10_000_000
    """How many cells a sheet of a workbook may reach over: they are all held at once."""
    workbook_text_bytes_max: int = 1 << 29
    """How much text the cells of a sheet may hold: cells share texts in the file, and each has its own in memory."""
    unpacked_bytes_max: int = 64 << 30
    """How large a compressed file may become, however large it is."""
    unpacked_growth_max: int = 200
    """How many times its size it may become; tables grow tenfold, a trap a thousandfold."""
    unpacked_freely_bytes: int = 1 << 30
    """How large it may become whatever its size."""
    row_group_bytes_max: int = 4 << 30
    """How large one row group of a Parquet file may be once decoded."""

    def unpacked_bytes_of(self, packed_bytes: int) -> int:
        """Return how large a compressed file of this size may become."""
        return min(self.unpacked_bytes_max, max(self.unpacked_freely_bytes, self.unpacked_growth_max * packed_bytes))

    def require_cells(self, rows: int, columns: int, *, file_name: str) -> None:
        """Raise UnreadableTable for a table of more cells than are kept."""
        if rows * columns > self.cells_max:
            raise UnreadableTable(
                "too_many_cells",
                f"{file_name} holds at least {rows:,} rows of {columns:,} columns, more than the {self.cells_max:,} cells "
                "one table may have; leave out columns, or upload it as several datasets.",
            )
