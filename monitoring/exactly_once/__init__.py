"""Holds what the providers took against what we wrote down: is each effect there exactly once?

`cases` reads a payment with all that we hold of it, `truth` says what its provider holds. The
rules are `records` (our own sums and statuses), `postings` (the ledger), `history` (its events),
`inbox` (its news) and `providers` (both sides); `audit` goes through everything with all of them,
and changes nothing.
"""
