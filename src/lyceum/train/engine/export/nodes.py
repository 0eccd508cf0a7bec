"""A small writer of ONNX graphs."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

ML_DOMAIN = "ai.onnx.ml"
_OPSET, _ML_OPSET, _IR_VERSION = 18, 5, 10


@dataclass(slots=True)
class GraphWriter:
    """Collects nodes and constants; every method returns the name of what it made."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    _names: int = 0

    def node(self, operator: str, *inputs: str, output: str | None = None, domain: str = "", **attributes: Any) -> str:
        """Add a node with one output."""
        name = output or self._fresh(operator)
        self.nodes.append(helper.make_node(operator, list(inputs), [name], domain=domain, **attributes))
        return name

    def split(self, source: str, widths: list[int]) -> list[str]:
        """The columns of `source` in blocks of the given widths."""
        if len(widths) == 1:
            return [source]
        names = [self._fresh("Block") for _ in widths]
        sizes = self.constant(np.array(widths, dtype=np.int64))
        self.nodes.append(helper.make_node("Split", [source, sizes], names, axis=1))
        return names

    def constant(self, values: npt.NDArray[Any]) -> str:
        """Add a constant tensor; texts are arrays of objects."""
        name = self._fresh("constant")
        if values.dtype == object:
            texts = [text.encode() for text in values.ravel()]
            tensor = helper.make_tensor(name, onnx.TensorProto.STRING, values.shape, texts)
        else:
            tensor = numpy_helper.from_array(np.ascontiguousarray(values), name)
        self.constants.append(tensor)
        return name

    def model(
        self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto], metadata: dict[str, str]
    ) -> onnx.ModelProto:
        """The finished model with its metadata; raises onnx.checker.ValidationError when it is not valid ONNX."""
        graph = helper.make_graph(self.nodes, "lyceum", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(ML_DOMAIN, _ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="lyceum")
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model

    def _fresh(self, stem: str) -> str:
        self._names += 1
        return f"{stem.lower()}_{self._names}"
