"""Auditors' pages in the Airflow UI: the evidence of a run, checked while you look at it."""
