"""Reads the results of Isoflop's experiments as tables of pandas."""
import json
import warnings
from pathlib import Path

import pandas

PACKAGE = Path(__file__).resolve().parents[2]
REFERENCE = PACKAGE / "experiments" / "reference"
INTEGERS = """corpus_seed validation_tokens unique_tokens_limit width depth heads head_width kv_heads window features state
    expansion context vocabulary experts top_k granularity shared_experts warmup seed n_non_embedding n_total n_active n_router
    d_tokens unique_tokens cache_bytes steps dead_experts duplicate_times generation sample_names""".split()
TEXTS = """trunk status corpus text_field filter tokenizer architecture layers feature_map positions parametrisation precision
    routed_blocks gate capacity_factor balance batch schedule update_rule objective weights weights_at_end validation_weights
    order keep samples_from weight_format activation_format gradient_format cache_format rounding pruned quantised
    activation""".split()
BOOLEANS = ["tied_head", "carry", "junk_tag", "knowledge"]
LATIN = str.maketrans({"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ζ": "zeta", "η": "eta", "κ": "kappa", "ω": "omega"})


def read_runs(name_or_path):
    """Returns results.csv as a table, a row for each completed run: of a page, such as "chinchilla", or of a folder, such as
    "runs/mine". Texts are categories, counts are integers, and a column of counts with empty cells is nullable (Int64)."""
    path = find(name_or_path, "results.csv")
    columns = pandas.read_csv(path, nrows=0).columns
    lacking = {"status", "n_total", "d_tokens", "loss"} - set(columns)
    if lacking:
        raise ValueError(f"{path} is not a table of results of Isoflop: it has no column {', '.join(sorted(lacking))}")
    types = {"run": str} | dict.fromkeys(TEXTS, "category") | dict.fromkeys(BOOLEANS, "boolean")
    types |= dict.fromkeys(INTEGERS, "Int64")
    runs = pandas.read_csv(path, dtype={column: types.get(column, "float64") for column in columns})
    runs = runs[runs["status"] == "completed"].reset_index(drop=True)
    return runs.astype({column: "int64" for column in INTEGERS if column in runs and runs[column].notna().all()})


def read_fits(name_or_path):
    """Returns fits.json as a table, a row for each number of each fit, with its 95 % interval, by fit and parameter:
    read_fits("chinchilla").loc[("isoflop", "a")]. A number that the runs do not determine has no interval."""
    path = find(name_or_path, "fits.json")
    rows = []
    for fit in json.loads(path.read_text())["fits"]:
        results = [fit[part] for part in ("fit", "isoFLOP", "envelope", "criticalBatch") if part in fit]
        for number in (number for result in results for number in numbers(result)):
            interval = number.get("interval", {})
            rows.append({
                "fit": fit["name"], "parameter": number["symbol"].translate(LATIN), "value": number["value"],
                "low": interval.get("low"), "high": interval.get("high"), "identified": number["identified"],
                "unit": number["unit"], "meaning": number["name"], "law": fit.get("fit", {}).get("equation", fit["law"]),
                "runs": fit["selection"]})
    columns = ["fit", "parameter", "value", "low", "high", "identified", "unit", "meaning", "law", "runs"]
    return pandas.DataFrame(rows, columns=columns).set_index(["fit", "parameter"])


def numbers(result):
    """Returns the numbers with a symbol in a result, but not those of alternative fits."""
    if isinstance(result, list):
        return [number for part in result for number in numbers(part)]
    if not isinstance(result, dict):
        return []
    return [result] if "symbol" in result else [x for key in result if key != "alternatives" for x in numbers(result[key])]


def find(name_or_path, file):
    """Returns the path of a file of a page, or in a folder of results, which may be relative to the package. The reduced tier of
    a page, PAGE-minutes, stands in for the page, with a warning."""
    reduced = REFERENCE / f"{name_or_path}-minutes"
    for folder in (REFERENCE / name_or_path, Path(name_or_path), PACKAGE / name_or_path, reduced):
        if (folder / file).is_file():
            if folder == reduced:
                warnings.warn(f"these are the results of {folder.name}, the reduced tier of the page", stacklevel=3)
            return folder / file
    pages = sorted(path.parent.name for path in REFERENCE.glob(f"*/{file}"))
    raise FileNotFoundError(
        f"there is no {file} of `{name_or_path}`: name a folder of results, such as runs/quickstart, or a page of {REFERENCE}, "
        + (f"which has {', '.join(pages)}" if pages else "which is missing: this file belongs into experiments/lesson of Isoflop"))
