"""The exported generator: its signatures, and the version folder that TensorFlow Serving loads."""
