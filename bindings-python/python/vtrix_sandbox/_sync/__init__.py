"""The blocking family. Most of it is made from `_async` by `tools/unasync.py`."""
