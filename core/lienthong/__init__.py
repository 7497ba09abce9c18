"""Liên Thông: an inter-agency data exchange bus on Apache Airflow.

The names an author of exchanges needs; everything else is imported from its own module.
"""

from lienthong.exchange import Delivery, Exchange, Lookup, Source, Target, Text

__version__ = "0.1.0"

__all__ = ["Delivery", "Exchange", "Lookup", "Source", "Target", "Text", "__version__"]
