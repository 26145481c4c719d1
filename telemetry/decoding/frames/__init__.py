"""Decoders of frames that are neither JSON nor text of fields: DSMR, SML, M-Bus, Sparkplug B."""
