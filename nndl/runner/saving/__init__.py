"""Files of weights and checkpoints, and what a resumed run needs."""
