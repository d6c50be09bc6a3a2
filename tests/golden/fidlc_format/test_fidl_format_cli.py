"""fidl-format as a program: what it prints, writes and answers.

usage: test_fidl_format_cli.py FIDL_FORMAT
"""
import os
import subprocess
import sys
import tempfile

UGLY = "library  a ;\nconst X uint8=1;// why\n"
GOOD = "library a;\nconst X uint8 = 1; // why\n"


def run(*arguments, text=""):
    done = subprocess.run([sys.argv[1], *arguments], input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    write("ugly.fidl", UGLY)
    write("good.fidl", GOOD)
    write("broken.fidl", "library a;\ntype = struct {};\n")
    assert run("ugly.fidl") == (0, GOOD, "")
    assert read("ugly.fidl") == UGLY
    assert run("-", text=UGLY) == (0, GOOD, "")
    assert run("-i", "-", text=UGLY) == (0, GOOD, "")
    assert run("--check", "good.fidl") == (0, "", "")
    assert run("--check", "good.fidl", "ugly.fidl") == (1, "ugly.fidl\n", "")
    status, _, errors = run("-i", "broken.fidl", "ugly.fidl")
    assert status == 1 and "broken.fidl:2:6: error:" in errors, errors
    assert read("broken.fidl").startswith("library a;\ntype =")
    assert read("ugly.fidl") == GOOD  # the others are formatted all the same
    before = os.stat("good.fidl").st_mtime_ns
    assert run("-i", "good.fidl")[0] == 0 and os.stat("good.fidl").st_mtime_ns == before
    assert run("missing.fidl")[0] == 1
    assert run()[0] == 2 and run("--nonsense", "good.fidl")[0] == 2
    assert "usage: fidl-format" in run("--help")[1]
    assert sorted(os.listdir()) == ["broken.fidl", "good.fidl", "ugly.fidl"]


sys.argv[1] = os.path.abspath(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    main()
    os.chdir("/")
