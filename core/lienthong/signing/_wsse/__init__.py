"""The parts of WS-Security, from names to references; :mod:`lienthong.signing.wsse` puts them together."""
