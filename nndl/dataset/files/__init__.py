"""Reading data files without trusting them."""
