"""The operating-system process: cores, pipes, forks, child processes with limits."""
