"""Takes the files of share/ci apart, for tests/86-ci-files.bats.

    ci_files.py scripts DIR FILE...     writes each script that a workflow, an action, a GitLab template or a Dockerfile has
                                        inside to DIR, NAME.SHELL, and prints how many there were
    ci_files.py step FILE ID            prints the script of a step (GitHub: id or name; GitLab: JOB/KEY)
    ci_files.py action WORKFLOW ACTION  what the workflow says of the action must be what the action has
    ci_files.py dockerfile FILE         instructions and stages of a Dockerfile
"""
import pathlib
import re
import sys

import yaml


class Loader(yaml.SafeLoader):
    """GitLab's !reference is kept as a tuple."""


Loader.add_constructor("!reference", lambda loader, node: tuple(loader.construct_sequence(node)))


def load(path):
    # YAML 1.1 reads an unquoted "on" as true; the file quotes it
    return yaml.load(pathlib.Path(path).read_text(), Loader)


def github(document):
    """(name, shell, script) of each step with a script."""
    jobs = document["jobs"].items() if "jobs" in document else [("action", document["runs"])]
    for job, body in jobs:
        for n, step in enumerate(body["steps"]):
            if "run" in step:
                yield step.get("id") or step.get("name") or f"{job}-{n}", step.get("shell", "bash"), step["run"]


def gitlab(document):
    for job, body in document.items():
        if not isinstance(body, dict):
            continue
        for key in ("before_script", "script", "after_script"):
            if key in body:
                lines = []
                for line in body[key]:
                    lines += document[line[0]][line[1]] if isinstance(line, tuple) else [line]
                yield f"{job}/{key}", "sh", "\n".join(lines)


def instructions(path):
    """(word, rest) of each instruction of a Dockerfile, continued lines joined by their newline."""
    text = re.sub(r"(?m)^\s*#.*\n", "", pathlib.Path(path).read_text())
    for whole in re.findall(r"(?m)^\S(?:.*\\\n)*.*$", text):
        word, _, rest = whole.partition(" ")
        yield word, rest


def dockerfile(path):
    for n, (word, rest) in enumerate(instructions(path)):
        if word == "RUN":
            yield f"run-{n}", "sh", re.sub(r"\A(?:\s*(?:--\S+|\\\n))*\s*", "", rest)


def scripts(path):
    if pathlib.Path(path).name.startswith("Dockerfile"):
        return dockerfile(path)
    document = load(path)
    return github(document) if "jobs" in document or "runs" in document else gitlab(document)


def write_scripts(directory, *paths):
    count = 0
    for path in paths:
        for name, shell, text in scripts(path):
            assert "${{" not in text, f"{path}: {name}: an expression inside of a script is executed as shell; hand it over in env"
            target = pathlib.Path(directory, f"{pathlib.Path(path).stem}-{re.sub('[^a-z0-9]+', '-', name.lower())}.{shell}")
            target.write_text(f"#!/bin/{shell}\n{text}\n")
            count += 1
    print(count)


def step(path, wanted):
    for name, _, text in scripts(path):
        if name == wanted:
            print(text)
            return
    sys.exit(f"{path} has no script {wanted}; it has {[name for name, _, _ in scripts(path)]}")


def action(workflow_path, action_path):
    workflow, definition = load(workflow_path), load(action_path)
    uses = outputs = 0
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("./"):
                uses += 1
                unknown = set(step["with"]) - set(definition["inputs"])
                assert not unknown, f"no such inputs: {unknown}"
                missing = {name for name, i in definition["inputs"].items() if i.get("required")} - set(step["with"])
                assert not missing, f"required inputs: {missing}"
    for name in re.findall(r"steps\.ungil\.outputs\.([a-z-]+)", pathlib.Path(workflow_path).read_text()):
        outputs += 1
        assert name in definition["outputs"], f"no such output: {name}"
    # what an output is taken from, a step must write
    steps = {s.get("id"): s.get("run", "") for s in definition["runs"]["steps"]}
    for name, output in definition["outputs"].items():
        source, key = re.fullmatch(r"\$\{\{ steps\.([a-z]+)\.outputs\.([a-z-]+) \}\}", output["value"]).groups()
        assert f'"{key}=' in steps[source], f"{name}: the step {source} does not write {key}"
    # and what an action hands to its scripts must be an input of it
    for name in re.findall(r"\binputs\.([a-z-]+)", pathlib.Path(action_path).read_text()):
        assert name in definition["inputs"], f"no such input: {name}"
    assert uses and outputs
    print(f"{uses} uses, {outputs} outputs")


KNOWN = "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR".split()


def check_dockerfile(path):
    stages, arguments, current = [], set(), set()
    for word, rest in instructions(path):
        assert word in KNOWN, f"not an instruction: {word}"
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            assert not re.search(r":latest$", image), f"a base that moves: {image}"
            for variable in re.findall(r"\$\{(\w+)\}", image):
                assert variable in arguments, f"FROM uses {variable} before its ARG"
            stages.append(name)
            current = set()
        elif word == "ARG":
            (current if stages else arguments).add(rest.partition("=")[0])
        else:
            for stage in re.findall(r"(?:--from=|,from=)(\w+)", rest):
                assert stage in stages[:-1], f"no stage {stage} before this one"
            if word == "RUN":
                for variable in set(re.findall(r'"\$([A-Z]+)"', rest)):
                    assert variable in current, f"RUN uses {variable}, which has no ARG in its stage"
                assert "apt-get install" not in rest or "rm -rf /var/lib/apt/lists" in rest, "apt's lists stay in the image"
    assert len(stages) > 1
    print(f"{len(stages)} stages")


{"scripts": write_scripts, "step": step, "action": action, "dockerfile": check_dockerfile}[sys.argv[1]](*sys.argv[2:])
