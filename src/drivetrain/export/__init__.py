"""From a trained network to `model.onnx`: converted, compared with what was trained, or not written at all."""
