"""Kills of a running study, again and again: what it ends with must not differ.

    python -m tests.chaos --kills 60 --seed 0

study       one run of the workflow in a folder of its own
victims     what is killed, and when: drawn from the seed
rounds      kill, look, start the same command again, until the study is done
comparison  every final file against the uninterrupted run
"""
