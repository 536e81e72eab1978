"""What connects the application to a server: RSGI for granian, ASGI for others."""
