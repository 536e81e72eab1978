"""How good models and reviewers are: accuracy from the audit sample, agreement, gold rows."""
