"""Boxes from files: tables, YOLO, COCO, Pascal VOC and Label Studio."""
