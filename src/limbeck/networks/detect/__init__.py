"""Students that find boxes."""
