"""Speed of the predictors and their mixers against a plain formulation; start with run.py."""
