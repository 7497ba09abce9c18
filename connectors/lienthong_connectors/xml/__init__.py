"""XML from others, read as a stream of records within bounds. Importing this package is cheap."""
