"""One command a file, each a thin face of what watches."""
