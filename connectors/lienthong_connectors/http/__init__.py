"""HTTP for connectors: bounded transport, authentication dialects, message signatures.

``fields``, ``rate.RateLimit`` and ``signature.HttpSignature`` are cheap to import; ``transport``,
``auth`` and ``client`` load requests and belong inside ``open_source`` and ``open_target``.
"""
