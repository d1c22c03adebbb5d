"""Conversion to TFLite, ONNX, OpenVINO and TF.js for where TensorFlow does not run, each compared with the original SavedModel."""
