"""The demonstration: a simulated province, a real Airflow, every exchange of ``dags/`` run once.

``python -m lienthong.demo`` (or ``make demo``). Everything it keeps is in one folder, ``.demo``;
everything it starts listens on 127.0.0.1 only and ends with it.
"""
