"""What fidlc --json writes agrees with the schema that fidlc --json-schema prints, in every member.

usage: test_json_schema.py FIDLC IDL_FOLDER GOLDEN.json...
"""
import json
import os
import subprocess
import sys
import tempfile

KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


def check(schema, root, value, where):
    """The part of JSON Schema that the schema uses; raises at the first thing that does not agree."""
    if "$ref" in schema:
        check(root["definitions"][schema["$ref"].rsplit("/", 1)[1]], root, value, where)
        return
    wanted = schema.get("type")
    if wanted:
        is_kind = isinstance(value, KINDS[wanted]) and not (wanted == "integer" and isinstance(value, bool))
        assert is_kind, f"{where} is no {wanted}: {value!r}"
    if "enum" in schema:
        assert value in schema["enum"], f"{where} is none of {schema['enum']}: {value!r}"
    if "minimum" in schema:
        assert value >= schema["minimum"], f"{where} is below {schema['minimum']}: {value}"
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for name in schema.get("required", []):
            assert name in value, f"{where} lacks {name}"
        for name, member in value.items():
            other = schema.get("additionalProperties", True)
            assert name in known or other, f"{where} has the unknown member {name}"
            if name in known:
                check(known[name], root, member, f"{where}.{name}")
            elif isinstance(other, dict):
                check(other, root, member, f"{where}[{name}]")
    if isinstance(value, list) and "items" in schema:
        for i, item in enumerate(value):
            check(schema["items"], root, item, f"{where}[{i}]")


def unique(pairs):
    members = dict(pairs)
    assert len(members) == len(pairs), f"a member is there twice: {[name for name, _ in pairs]}"
    return members


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=unique)


def main(fidlc, idl, goldens):
    schema = json.loads(subprocess.run([fidlc, "--json-schema"], check=True, capture_output=True).stdout)
    for path in goldens:
        check(schema, schema, load(path), os.path.basename(path))
    libraries = sorted(name for name in os.listdir(idl) if os.path.isdir(os.path.join(idl, name)))
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.json")
        for name in libraries:
            files = sorted(os.path.join(idl, name, file) for file in os.listdir(os.path.join(idl, name))
                           if file.endswith(".fidl"))
            if not files:
                continue
            subprocess.run([fidlc, "--libraries", idl, "--json", out, "--files", *files], check=True)
            value = load(out)
            assert value["name"] == name
            check(schema, schema, value, name)
    try:
        check(schema, schema, {**load(goldens[0]), "surplus": 1}, "a wrong one")
    except AssertionError:
        return
    sys.exit("the check accepts what the schema does not have")


main(sys.argv[1], sys.argv[2], sys.argv[3:])
