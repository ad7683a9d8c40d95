"""Holds what the providers took against what we wrote down: is each effect there exactly once?

`cases` reads a payment with all that we hold of it, `truth` says what its provider holds: `lists`
(with `listed`, `lines` and `lookups`) asks the providers, `sandbox` reads the sandbox's books. The
rules are `records` (our own sums and statuses), `postings` (the ledger), `disputes`, `history` (its
events), `inbox` (its news), `outbox` and `providers` (both sides); `audit` goes through everything
with all of them, and changes nothing.
"""
