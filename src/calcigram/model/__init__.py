"""The model: training, calibration, flattened trees, the model folder and the reader."""

from calcigram.model.reader import Model, load_model
from calcigram.model.train import train_model

__all__ = ["Model", "load_model", "train_model"]
