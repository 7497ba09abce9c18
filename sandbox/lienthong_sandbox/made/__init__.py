"""Counterparts made from a description: an OpenAPI document, a WSDL, a JSON Schema."""
