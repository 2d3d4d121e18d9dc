"""Measurements of what Waarmerk claims, rerun by `make bench`. Nothing here is part of the product."""
