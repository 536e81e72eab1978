"""``POST /predict``, the door for people and scripts."""
