"""What administrators tell everybody."""
