"""ONNX files: read strictly, written anew, run."""
