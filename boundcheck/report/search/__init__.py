"""A search's page: the counterexample that was found, or the search that found none."""

from __future__ import annotations

from boundcheck.report.search.page import write_search_page
from boundcheck.report.search.record import SearchRecord, is_search, load_search

__all__ = ["SearchRecord", "is_search", "load_search", "write_search_page"]
