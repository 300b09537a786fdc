"""The clips as a folder for others: files that need nothing of this package to be used."""
