"""From a seed to states and clips: an object that is pushed once and slides."""
