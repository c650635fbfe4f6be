"""Visits by several processes: embeddings dealt to the ranks, shards of candidates that go around a ring."""
