"""The measurements: one module per family, a catalogue that documents each, and their driver.

The public names stand in ``__init__.pyi`` and are imported on first use: `catalogue` imports the families from here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
