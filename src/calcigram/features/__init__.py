"""The measurements: one module a family, a catalogue that documents each, and their driver."""
