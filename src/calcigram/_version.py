"""The version, for modules that state it: the package itself imports nothing they need."""

__version__ = "0.1.0"
