"""The HTTP service: answers, a page, metrics, health. Stands on `runtime` alone; no library of training."""
