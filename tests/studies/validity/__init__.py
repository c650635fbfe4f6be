"""The validation study: intervals and verdicts of the engine against populations whose truth is known."""
