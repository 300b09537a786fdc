"""From stream, probe and history tables to metrics: numpy and pandas only, no torch."""
