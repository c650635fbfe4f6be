"""The study of the intervals that the coverage and validity studies do not judge."""
