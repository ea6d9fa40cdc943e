"""The model: training, calibration, flattened trees, the model folder and the reader."""
