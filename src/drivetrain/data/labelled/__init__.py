"""Labels as other tools write them: COCO, Label Studio, CVAT, Hugging Face datasets, WebDataset, torchvision."""
