"""Connectors of Liên Thông: one package per protocol, found through ``lienthong.connectors``.

Importing a connector's package costs next to nothing; client libraries load when it is opened.
"""
