"""What builds the site from the notebooks: pages, formulas, figures, search."""
