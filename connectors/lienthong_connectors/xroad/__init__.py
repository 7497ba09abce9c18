"""X-Road: the bus behind a Security Server.

Message Protocol for REST 1.x (PR-REST), Message Protocol 4.0 for SOAP (PR-MESS) and the metadata
services of both (PR-MREST, PR-META). A way for the REST and SOAP connectors, chosen by the
connection's extra ``uplink``; importing this package loads nothing heavy.
"""
