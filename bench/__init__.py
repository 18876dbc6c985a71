"""What is measured, and how. `python -m bench [name]` prints lines `figure value unit`."""
