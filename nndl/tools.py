"""The book's name for the two curves that every one of its notebooks draws."""

from .figures import plot, plot_training_loss_acc

__all__ = ["plot", "plot_training_loss_acc"]
