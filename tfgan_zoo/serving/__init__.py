"""Serving exported generators: a gRPC client, deployment files for TensorFlow Serving, and an embedded server."""

from tfgan_zoo.serving.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]
