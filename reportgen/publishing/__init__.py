"""Reports and comparisons sent to experiment trackers: MLflow, Weights & Biases, TensorBoard and DVC. One file per tracker."""
