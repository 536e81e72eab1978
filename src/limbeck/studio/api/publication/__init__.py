"""Operations on versions of models."""
