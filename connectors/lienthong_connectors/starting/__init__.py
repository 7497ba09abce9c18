"""Starting exchanges: what a generator found out, and the files that it writes for a person to decide on."""
