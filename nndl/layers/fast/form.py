"""Which form the environment asks for."""

import os


def plain_asked_for():
    """Whether `NNDL_FORM` asks for the plain forms; read at every call, so that it can be set."""
    form = os.environ.get("NNDL_FORM", "")
    if form not in ("", "fast", "plain"):
        raise ValueError(f"NNDL_FORM must be 'plain' or 'fast', got {form!r}: correct or unset it")
    return form == "plain"
