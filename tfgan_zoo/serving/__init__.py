"""The exported generator: its signatures, the version folder that TensorFlow Serving loads, and clients of its server."""

from tfgan_zoo.serving.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]
