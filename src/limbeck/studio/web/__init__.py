"""What all pages share: layout, headers, language, forms, icons."""
