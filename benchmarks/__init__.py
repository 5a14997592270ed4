"""Benchmarks of operators and training steps: `python -m benchmarks`, see README.md."""
