"""calcigram: read the pattern of clustered breast calcifications twice, and cross-check.

Research software, no medical device: it describes patterns and never states a diagnosis.

The names below are the public interface. They are imported on first use, so that
``import calcigram`` and ``calcigram --help`` do not wait for the numerical libraries.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calcigram.classify import classify
    from calcigram.clusters import ClusterSet
    from calcigram.consequences import load_rulebook
    from calcigram.crosscheck import crosscheck
    from calcigram.explain import explain
    from calcigram.features.catalogue import feature_catalogue
    from calcigram.features.extract import extract_features
    from calcigram.formats import read_clusters, write_clusters
    from calcigram.model.estimator import CalcigramClassifier
    from calcigram.model.reader import load_model
    from calcigram.model.train import train_model
    from calcigram.page.notebook import explore
    from calcigram.plots import plot_cluster, plot_gallery
    from calcigram.report import write_report
    from calcigram.simulate import simulate
    from calcigram.validate import evaluate

__version__ = "0.1.0"

__all__ = [
    "CalcigramClassifier",
    "ClusterSet",
    "classify",
    "crosscheck",
    "evaluate",
    "explain",
    "explore",
    "extract_features",
    "feature_catalogue",
    "load_model",
    "load_rulebook",
    "plot_cluster",
    "plot_gallery",
    "read_clusters",
    "simulate",
    "train_model",
    "write_clusters",
    "write_report",
]

_HOME = {
    "CalcigramClassifier": "calcigram.model.estimator",
    "ClusterSet": "calcigram.clusters",
    "classify": "calcigram.classify",
    "crosscheck": "calcigram.crosscheck",
    "evaluate": "calcigram.validate",
    "explain": "calcigram.explain",
    "explore": "calcigram.page.notebook",
    "extract_features": "calcigram.features.extract",
    "feature_catalogue": "calcigram.features.catalogue",
    "load_model": "calcigram.model.reader",
    "load_rulebook": "calcigram.consequences",
    "plot_cluster": "calcigram.plots",
    "plot_gallery": "calcigram.plots",
    "read_clusters": "calcigram.formats",
    "simulate": "calcigram.simulate",
    "train_model": "calcigram.model.train",
    "write_clusters": "calcigram.formats",
    "write_report": "calcigram.report",
}
"""Public name -> the module that has it."""


class _Package(ModuleType):
    """Keep ``calcigram.simulate`` the function, though a submodule has the same name.

    Importing a submodule binds it on its parent; for the public names that share theirs with
    a submodule (`classify`, `crosscheck`, `explain`, `simulate`) the function must win, always.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOME and isinstance(value, ModuleType):
            return
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name, as other modules: cloudpickle asks for the exact type of a module."""
        return import_module, (self.__name__,)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


sys.modules[__name__].__class__ = _Package
