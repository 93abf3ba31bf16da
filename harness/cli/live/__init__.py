"""The live view of a run: what is known of it (`state`), how that looks (`view`), and when it is drawn (`display`)."""
