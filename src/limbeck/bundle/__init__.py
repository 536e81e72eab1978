"""The finished classifier on disk: write, verify, load, predict. Needs onnxruntime, never torch."""
