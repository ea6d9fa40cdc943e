"""calcigram: read the pattern of clustered breast calcifications twice, and cross-check.

Research software, no medical device: it describes patterns and never states a diagnosis.

The public names stand in ``__init__.pyi``. They are imported on first use, so that
``import calcigram`` and ``calcigram --help`` do not wait for the numerical libraries.
"""

import copyreg
import sys
from importlib import import_module

import lazy_loader

from calcigram._version import __version__ as __version__

# It also keeps `calcigram.simulate` the function, though a subpackage has the same name.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# By name, as other modules: pickle knows only modules of the plain type.
copyreg.pickle(type(sys.modules[__name__]), lambda module: (import_module, (module.__name__,)))
