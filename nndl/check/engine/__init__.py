"""Run an answer, compare it, name its mistake."""
