"""JSON Schemas of the streams: one file a stream, named after it, every property described."""
