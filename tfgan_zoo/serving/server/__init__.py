"""The embedded server: TF Serving's gRPC and REST APIs on the same exports, in a single Python process."""
