"""From the pixels of a mammogram to the marks of its calcifications."""
