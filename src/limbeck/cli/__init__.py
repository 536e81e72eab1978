"""``limbeck …``: thin; every verb is one function of the public API."""
