"""The province's datasets, mappings and code lists: data files, read through importlib.resources."""
