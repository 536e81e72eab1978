"""From records, files of windows and memory to windows of signals."""
