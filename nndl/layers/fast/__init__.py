"""The same results, faster: a table that chooses, one file a form, threads.

With `NNDL_FORM=plain` in the environment nothing of it is used: `nndl.layers.convolution`,
`pooling` and `normalization` then compute with the lines that stand there, to be stepped through.
"""
