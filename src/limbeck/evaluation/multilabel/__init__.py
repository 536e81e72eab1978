"""Evaluation of classifiers that give a row several labels."""
