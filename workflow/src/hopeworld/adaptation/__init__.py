"""Test-time adaptation against memory: what may change online, and the A-B-A stream."""
