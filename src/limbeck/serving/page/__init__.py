"""The page at ``/``: try a model by hand, in English and Chinese; and the OpenAPI document."""
