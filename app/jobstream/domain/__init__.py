"""Jobs, events and cursors as values: structs, enums and pure code.

Nothing here reads a clock, draws a random number that was not given to it, or knows a database or a socket.
"""
