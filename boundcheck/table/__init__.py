"""Tables and words for papers: `bc.table.claims(v)`, `.losses(v)`, `.methods(v)`, `.cite(v)`."""

from boundcheck.table.methods import cite, methods
from boundcheck.table.tables import FORMS, STYLES, claims, losses

__all__ = ["FORMS", "STYLES", "cite", "claims", "losses", "methods"]
