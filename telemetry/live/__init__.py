"""Live values: one reactor encodes, one hub in each web process fans out to its sockets.

reactor ─group_send→ channel layer → hub → room (tenant) → feed (same filter) → viewer (socket)
"""
