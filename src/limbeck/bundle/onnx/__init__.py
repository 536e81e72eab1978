"""ONNX models checked before they are run."""
