"""Folds: what the facts say about messages, conversations, customers and deliveries, joined in any order."""
