"""What is measured against other libraries and against ourselves; `pip install -e '.[benchmarks]'` first."""
