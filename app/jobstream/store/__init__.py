"""The only room that knows the driver: statements, rows and connections.

It hands out values of `domain` and raises the errors of `errors`; nobody above meets a row or an SQLSTATE.
"""
