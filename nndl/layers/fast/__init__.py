"""The same results, faster: a table that chooses, one file a form, threads.

With `NNDL_FORM=plain` in the environment nothing of it is used: `nndl.layers.convolution`,
`pooling` and `normalization` then compute with the lines that stand there, to be stepped through.
"""

import os


def plain_asked_for():
    """Whether `NNDL_FORM` asks for the plain forms; read at every call, so that it can be set."""
    form = os.environ.get("NNDL_FORM", "")
    if form not in ("", "fast", "plain"):
        raise ValueError(f"NNDL_FORM must be 'plain' or 'fast', got {form!r}: correct or unset it")
    return form == "plain"
