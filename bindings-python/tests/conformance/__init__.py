"""The scenarios of `tests/conformance`, run through both families of the package.

`scenario` reads them, `values` makes and compares values, `operations` is what each operation is
in Python, `runner` walks the steps, `child` runs one operation in a process of its own, so that
it can be cancelled as a blocking call is: by Ctrl-C.
"""
