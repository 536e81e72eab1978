"""Files in, files out: answers streamed in order, resumable, on every core."""
