"""What the command `hopeworld` does where it needs the packages of a stage."""
