"""A checked ONNX model, opened by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from limbeck.bundle.graph import check_graph
from limbeck.errors import LimbeckError, first_line
from limbeck.files import read_regular

LARGEST = 2**31 - 1  # bytes; protocol buffers hold no more


def open_session(file: Path, inside: Path | None = None) -> Any:
    """Open a checked ONNX model: one thread a run, as several runs share the cores.

    Parameters
    ----------
    inside
        The folder that the file has to lie in, links followed.

    Raises
    ------
    LimbeckError
        When it is no regular file, no ONNX model, or one that must not be opened; see `check_graph`.
    """
    try:
        content = read_regular(file, LARGEST, inside)
    except OSError as error:
        raise LimbeckError(f"cannot be read ({error.strerror})", where=file, mend="check the path") from error
    check_graph(content, file)
    return session_of(content, file)


def session_of(content: bytes, where: Path) -> Any:
    """Open the content of a checked model in this process."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Otherwise bytes that look like onnxruntime's own format, which nobody has checked, would be read as such.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # A batch of another shape would be a new plan each time; without plans memory stays flat over millions of rows.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = False
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        reason = first_line(error, 200)
        mend = "upgrade onnxruntime, or export the bundle anew"
        raise LimbeckError(f"onnxruntime cannot open it: {reason}", where=where, mend=mend) from error
