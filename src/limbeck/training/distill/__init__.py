"""Distillation: teachers, their fused answers, and what the student learns of them."""
