"""What makes encoders, apart from what judges them: batch losses, training, the papers' experiments."""
