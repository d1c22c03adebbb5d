"""The embedded server: TF Serving's gRPC and REST on the same exports, in one Python process."""
