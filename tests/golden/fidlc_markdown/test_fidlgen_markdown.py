"""The example back end in Python: what it writes for a library is what is kept beside the library.

usage: test_fidlgen_markdown.py FIDLC PLUGIN PROTOC IR_PROTO LIBRARY.fidl EXPECTED.md
Exit status 77 (skipped) where Python has no protobuf. FIDLC_GOLDEN_UPDATE in the environment writes EXPECTED.md.
"""

import os
import pathlib
import subprocess
import sys
import tempfile


def main():
    fidlc, plugin, protoc, proto, library, expected = sys.argv[1:]
    try:
        import google.protobuf  # noqa: F401
    except ImportError:
        print("Python has no protobuf (Debian: python3-protobuf)")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([protoc, f"-I{os.path.dirname(proto)}", f"--python_out={folder}", proto], check=True)
        environment = dict(os.environ, PYTHONPATH=folder)
        subprocess.run([fidlc, "--plugin", f"{plugin}:{folder}/docs", "--files", library], check=True, env=environment)
        (written,) = pathlib.Path(folder, "docs").iterdir()
        text = written.read_text()
    if os.environ.get("FIDLC_GOLDEN_UPDATE"):
        pathlib.Path(expected).write_text(text)
    if text != pathlib.Path(expected).read_text():
        print(text)
        return 1
    return 0


sys.exit(main())
