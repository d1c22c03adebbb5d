"""Exports for where TensorFlow is not: TFLite, ONNX and TF.js, each measured against the SavedModel that it came from."""
