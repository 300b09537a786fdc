"""What the project's own code is measured against."""
