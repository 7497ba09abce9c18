"""OpenAPI and Swagger documents: what they say of operations, records, paging and credentials."""
