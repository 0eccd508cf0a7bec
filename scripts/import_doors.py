"""A contract for import-linter: from outside, a module is its doors and nothing else."""

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class DoorsContract(Contract):
    """`doors` of each of `modules` may be imported by anyone, `doors_for_wiring` by `wiring`, the rest by the module.

    A module inside another is one of its own: even what is around it comes in by its doors.
    """

    modules: Any = fields.SetField(subfield=fields.StringField())
    doors: Any = fields.SetField(subfield=fields.StringField())
    doors_for_wiring: Any = fields.SetField(subfield=fields.StringField())
    wiring: Any = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 as it is called
        """Return the check with every import that goes past a door."""
        past = [
            (importer, imported)
            for importer in sorted(graph.modules)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not self._may(importer, imported)
        ]
        return ContractCheck(kept=not past, metadata={"past": past})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the imports that go past a door."""
        for importer, imported in check.metadata["past"]:
            output.print_error(f"{importer} imports {imported}, which is no door of {self._module_of(imported)}")

    def _may(self, importer: str, imported: str) -> bool:
        module = self._module_of(imported)
        if module is None or imported == module or f"{importer}.".startswith(f"{module}."):
            return True
        door = imported.removeprefix(f"{module}.").split(".")[0]
        return door in self.doors or (importer == self.wiring and door in self.doors_for_wiring)

    def _module_of(self, name: str) -> str | None:
        around = [module for module in self.modules if f"{name}.".startswith(f"{module}.")]
        return max(around, key=len, default=None)
