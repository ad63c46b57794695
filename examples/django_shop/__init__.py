"""A Django shop whose orders and jobs commit together. The tests of it are in tests.py, as yours would be."""
