"""Writes the results and the logs of an experiment for a program that reads tables.

    tables.py parquet|tensorboard|wandb FOLDER

FOLDER holds `results.jsonl`, with a row for each run, `logs.jsonl`, with the points of all runs, a run after the other,
and `tables.json`: the name of the experiment and the columns of both with their types. Each of the formats is written by the
library that reads it. Prints a line for each part that is done, which ends with the number of all parts."""

import json
import os
import sys


def rows(folder, table):
    with open(f"{folder}/{table}.jsonl") as file:
        for line in file:
            yield json.loads(line)


def points_by_run(folder):
    """Yields the points of each run as a list."""
    run, points = None, []
    for point in rows(folder, "logs"):
        if point["run"] != run:
            if points:
                yield run, points
            run, points = point["run"], []
        points.append(point)
    if points:
        yield run, points


def scalars(point):
    """Returns the values of a point by their tags: validation losses and training losses have a group each."""
    for name, value in point.items():
        if name in ("run", "step") or value is None:
            continue
        group = "validation" if name.startswith(("validation_", "curve_", "exact_match_")) else "train"
        yield f"{group}/{name.removeprefix(group + '_').removeprefix('training_')}", value


def parquet(folder, description):
    import duckdb

    def quoted(text):
        return "'" + text.replace("'", "''") + "'"

    tables = description["tables"]
    for done, (name, types) in enumerate(tables.items()):
        columns = ", ".join(f"{quoted(column)}: {quoted(kind)}" for column, kind in types)
        source = f"read_json({quoted(f'{folder}/{name}.jsonl')}, format = 'newline_delimited', columns = {{{columns}}})"
        duckdb.sql(f"COPY (FROM {source}) TO {quoted(f'{folder}/{name}.parquet')} (FORMAT parquet)")
        print(done + 1, len(tables), flush=True)


def tensorboard(folder, description):
    import time

    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import summary_v2 as hparams
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    points = dict(points_by_run(folder))
    results = list(rows(folder, "results"))
    for done, result in enumerate(results):
        # The logs have no times.
        when = time.time()
        writer = EventFileWriter(f"{folder}/{result['label'].replace('/', '_')}")
        settings = {name: result[name] for name in description["settings"] if result[name] is not None}
        writer.add_event(Event(wall_time=when, summary=hparams.hparams_pb(settings)))
        for point in points.get(result["run"], []):
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in scalars(point)])
            writer.add_event(Event(wall_time=when, step=point["step"], summary=summary))
        final = [Summary.Value(tag=f"result/{name}", simple_value=result[name])
                 for name in description["results"] if result[name] is not None]
        writer.add_event(Event(wall_time=when, step=result["steps"] or 0, summary=Summary(value=final)))
        writer.close()
        print(done + 1, len(results), flush=True)


def wandb(folder, description):
    import wandb

    points = dict(points_by_run(folder))
    results = list(rows(folder, "results"))
    for done, result in enumerate(results):
        run = wandb.init(
            mode="offline", dir=folder, project=description["name"], id=result["run"], name=result["label"],
            config={name: result[name] for name in description["settings"] if result[name] is not None},
            settings=wandb.Settings(console="off", silent=True, disable_git=True, x_disable_stats=True))
        for point in points.get(result["run"], []):
            run.log(dict(scalars(point)), step=point["step"])
        for name in description["results"]:
            if result[name] is not None:
                run.summary[name] = result[name]
        run.finish()
        print(done + 1, len(results), flush=True)


if __name__ == "__main__":
    form, folder = sys.argv[1:]
    with open(f"{folder}/tables.json") as file:
        description = json.load(file)
    try:
        {"parquet": parquet, "tensorboard": tensorboard, "wandb": wandb}[form](folder, description)
    except ModuleNotFoundError as error:
        sys.exit(f"missing {error.name.partition('.')[0]}")
    for name in ("results.jsonl", "logs.jsonl", "tables.json"):
        os.remove(f"{folder}/{name}")
