"""Install the pip that CPython carries into a prefix that is being made.

    ./python -E pip.py ROOT

As the last step of upstream's `make install`, which runs this interpreter, as it was built, with
`-m ensurepip --root=ROOT`. It looks for itself where it will be: where a pip is installed there
already (an earlier build of the same name), that one counts as installed, and the new prefix gets
none. Here nothing counts as installed. Bytecode is compiled afterwards, all of it in the same way.
"""
import sys

import ensurepip

run_pip = ensurepip._run_pip


def run_anew(args, *more):
    return run_pip([args[0], "--ignore-installed", "--no-compile", *args[1:]], *more)


ensurepip._run_pip = run_anew
sys.exit(ensurepip._bootstrap(root=sys.argv[1]))
