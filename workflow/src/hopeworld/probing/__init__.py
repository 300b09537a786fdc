"""What latents, states and predictions know: read out after the stream, never trained through."""
