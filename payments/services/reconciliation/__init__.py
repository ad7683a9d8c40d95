"""Hold a provider's records against ours: heal what is provable, keep the rest for a person.

`matching` says which operation of ours a listed thing is about, `judging` what it means,
`lists` reads what it lists, `queue` keeps what waits for a person, `run` goes through a time
with all of them.
"""
