"""The asyncio family. `_sync` is made from it by `tools/unasync.py`."""
