"""The exercises, one module a subject of a chapter."""
