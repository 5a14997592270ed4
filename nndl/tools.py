"""The book's names for the curves that every one of its notebooks draws."""

from .figures.training import plot, plot_training_loss, plot_training_loss_acc

__all__ = ["plot", "plot_training_loss", "plot_training_loss_acc"]
