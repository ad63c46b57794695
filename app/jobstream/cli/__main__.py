"""`python -m jobstream.cli`: the same as the command `jobstream`."""

from jobstream.cli import main

if __name__ == "__main__":
    main()
