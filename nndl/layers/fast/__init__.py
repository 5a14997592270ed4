"""The same results, faster: a table that chooses, one file a form, threads.

`NNDL_FORM` in the environment says what may compute: `plain`, the lines that stand in
`nndl.layers.convolution`, `pooling` and `normalization`, to be stepped through; `direct`, every
form that multiplies what the formula multiplies; `fast`, the default, also those that need less.
"""
