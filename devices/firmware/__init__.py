"""Firmware: versions, manifests, signatures, images and how a rollout proceeds; no I/O."""
