"""Relevance methods: how far each teacher is trusted."""
