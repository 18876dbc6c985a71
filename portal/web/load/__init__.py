"""A nation at work, for measuring pages: written in bulk, with real ledger postings. ILLUSTRATIVE throughout.

Each module plants one layer and hands it on; `random.Random` with one seed makes every run the same.
"""
