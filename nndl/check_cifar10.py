"""Exercises, to be filled."""

EXERCISES = ()
