"""Operations on items under review."""
