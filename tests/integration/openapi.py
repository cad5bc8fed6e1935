"""The OpenAPI documents of a running stack, put together as proto-json/openapi.json.

As a program it starts the built stack, asks every service for its document and writes that file:
python3 tests/integration/openapi.py
"""

import json
import subprocess

from stack import BIN, ROOT, STAGE, Stack, environment

FILE = ROOT / "proto-json" / "openapi.json"
ALL = "every service"  # the tag of the doors that every process has
SERVICES = [*STAGE, "hub", "peter"]  # one bot stands for all, whose doors are the same


def services(stack):
    """The names of the running services, the watchdog first."""
    listed = stack.get("watchdog", "/services").json["services"]
    return ["watchdog", *(service["name"] for service in listed)]


def documents(stack):
    """{service: its document}."""
    return {name: stack.get(name, "/openapi.json").json for name in services(stack)}


def default_port(service):
    """The port on which a service listens when nobody says otherwise."""
    program = [f"troupe-{service}"]
    if service == "peter":
        program = ["troupe-bot", "--character", service]
    shown = subprocess.run([BIN / program[0], *program[1:], "--print-config"], capture_output=True,
                           timeout=30, check=True, env=environment())
    return json.loads(shown.stdout)["port"]


def operations(document):
    """Every (method, path, operation) of a document."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "responses" in operation:
                yield method, path, operation


def merged(documents):
    """One document of all services. Each operation names its server; what every process has stands
    once. Two services may not give one door, or one name of a struct, two meanings."""
    servers = {name: {"url": f"http://127.0.0.1:{default_port(name)}", "description": name}
               for name in sorted(documents)}
    first = next(iter(documents.values()))
    paths, schemas = {}, {}
    for service, document in sorted(documents.items()):
        for method, path, operation in operations(document):
            operation = {**operation, "servers": [servers[service]]}
            own = operation["operationId"]
            shared = own.split(".")[-1]
            if own == f"{service}.{shared}" and all(path in d["paths"] for d in documents.values()):
                operation |= {"operationId": shared, "tags": [ALL],
                              "servers": list(servers.values())}
            if paths.setdefault(path, {}).setdefault(method, operation) != operation:
                raise AssertionError(f"two services have a {method} {path}")
        for name, schema in document["components"]["schemas"].items():
            if schemas.setdefault(name, schema) != schema:
                raise AssertionError(f"{service}: another struct is named {name}, too")
    tags = [{"name": ALL, "description": "The doors that each process has"},
            *(tag for _, document in sorted(documents.items()) for tag in document["tags"])]
    return {"openapi": first["openapi"],
            "info": {**first["info"], "title": "Troupe"},
            "jsonSchemaDialect": first["jsonSchemaDialect"],
            "servers": list(servers.values()),
            "security": first["security"],
            "tags": tags,
            "paths": dict(sorted(paths.items())),
            "components": {"schemas": dict(sorted(schemas.items())),
                           "responses": first["components"]["responses"]}}


def written(document):
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main():
    stack = Stack(services=SERVICES)
    try:
        stack.start()
        FILE.write_text(written(merged(documents(stack))), encoding="utf-8")
    finally:
        stack.destroy()


if __name__ == "__main__":
    main()
