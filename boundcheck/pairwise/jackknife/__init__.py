"""The second pass: what leaving one instance out of every pool does, for bias corrections and standard errors."""
