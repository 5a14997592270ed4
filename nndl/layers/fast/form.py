"""What the reader asked to compute with."""

import os


def form_asked_for():
    """'plain', 'direct' or 'fast'; read at every call, so that it can be set at any time."""
    form = os.environ.get("NNDL_FORM") or "fast"
    if form not in ("plain", "direct", "fast"):
        raise ValueError(
            f"NNDL_FORM must be 'plain', 'direct' or 'fast', got {form!r}: correct or unset it"
        )
    return form
