"""From states to frames and files: camera, ray-caster, lossless clips."""
