"""`arbiter evaluate forecaster`, on a few short invented series."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cli.main import main
from store.settings import PROJECT

META = [{"dataset": "invented", "horizon": 4, "mase_lag": 4, "seasonal_period": 4, "dev": 9}]
OWN = {"series", "left_out", "horizon", "owa", "mase", "smape", "coverage_80", "coverage_95", "msis", "seconds_per_series", "baselines", "alone"}


def rows(count=6, *, name="invented", steps=44):
    dice = np.random.default_rng(5)
    return pd.concat(
        pd.DataFrame({
            "dataset": name, "series": f"s{number}", "t": range(3, steps + 3), "part": ["train"] * (steps - 4) + ["test"] * 4,
            "y": 30 + np.resize([0.0, 9, 4, 1], steps) + np.cumsum(dice.normal(0, 0.5, steps)) + dice.normal(0, 1, steps),
        })
        for number in range(count)
    )  # fmt: skip


@pytest.fixture
def evaluated(folder, capsys):
    def run(table, *options, meta=META):
        table.to_parquet(folder / "series.parquet")
        (folder / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta), encoding="utf-8")
        code = main(
            ["evaluate", "forecaster", "--data", str(folder / "series.parquet"), "--meta", str(folder / "meta.json"), "--jobs", "1", *options]
        )
        return code, *capsys.readouterr()

    return run


def test_the_report_has_all_figures_and_those_of_the_plain_methods(evaluated):
    code, out, _ = evaluated(rows(), "--json")
    assert code == 0
    report = json.loads(out)["datasets"]
    assert set(report) == {"invented"}
    figures = report["invented"]
    assert set(figures) == OWN
    assert (figures["series"], figures["left_out"], figures["horizon"]) == (6, 0, 4)
    assert set(figures["baselines"]) == {"naive2", "seasonal_naive", "ses", "damped", "theta"}
    assert figures["baselines"]["naive2"]["owa"] == pytest.approx(1.0)
    assert 0 < figures["mase"] < 2
    assert 0 <= figures["coverage_80"] <= figures["coverage_95"] <= 1
    assert figures["seconds_per_series"] > 0


def test_processes_change_nothing_but_the_time(evaluated, folder):
    _, one, _ = evaluated(rows(3), "--json")
    files = ("--data", str(folder / "series.parquet"), "--meta", str(folder / "meta.json"))
    command = [sys.executable, "-m", "cli", "evaluate", "forecaster", *files, "--json", "--jobs", "2"]
    two = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    one, two = (json.loads(text)["datasets"]["invented"] for text in (one, two))
    for name in ("owa", "mase", "coverage_95", "msis"):
        assert one[name] == two[name]
    assert one["alone"]["owa"] == two["alone"]["owa"]


def test_a_series_that_nothing_can_be_measured_by_is_left_out(evaluated):
    still = rows(1).assign(series="still", y=7.0)
    code, out, _ = evaluated(pd.concat([rows(), still]), "--json")
    figures = json.loads(out)["datasets"]["invented"]
    assert (code, figures["series"], figures["left_out"]) == (0, 6, 1)


def test_people_get_a_table(evaluated):
    code, out, _ = evaluated(rows())
    assert code == 0
    assert "invented, 6 series, 4 steps ahead" in out
    assert "seasonal naive" in out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="part"), "has no column part"),
        (lambda table: table.iloc[:0], "holds no values"),
        (lambda table: table.assign(y=table["y"].where(table["t"] != 9)), "every t and y has to be a finite number"),
        (lambda table: table.assign(y=table["y"].astype(str)), "every t and y has to be a finite number"),
        (lambda table: table.assign(part="later"), "part, which is train or test"),
        (lambda table: table.assign(dataset="other"), "does not describe other"),
        (lambda table: table[table["t"] != 9], "series s0 of invented: t does not count up by 1"),
        (lambda table: pd.concat([table, table]), "t does not count up by 1"),
        (lambda table: table[table["t"] != 46], "the horizon is 4, but 3 values"),
        (lambda table: table.assign(part=table["part"].to_numpy()[::-1]), "comes before a known one"),
        (lambda table: table[table["part"] == "test"], "nothing is known of it"),
        (lambda table: table.assign(y=5.0), "there is nothing to measure errors by"),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused_with_the_reason(evaluated, change, message):
    code, _, complaint = evaluated(change(rows(2)))
    assert code == 2
    assert message in " ".join(complaint.split())


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ("{", "cannot be read as JSON"),
        ({"dataset": "invented"}, "list of objects"),
        ([META[0] | {"horizon": 0}], "horizon of invented"),
        ([{"dataset": "invented", "horizon": 4, "mase_lag": 4}], "seasonal_period of invented"),
        (META * 2, "describes a dataset twice"),
    ],
)
def test_a_description_that_does_not_say_enough_is_refused(evaluated, meta, message):
    code, _, complaint = evaluated(rows(1), meta=meta)
    assert code == 2
    assert message in " ".join(complaint.split())


def test_what_is_no_parquet_is_refused(folder, capsys):
    (folder / "meta.json").write_text(json.dumps(META), encoding="utf-8")
    assert main(["evaluate", "forecaster", "--data", str(folder / "meta.json"), "--meta", str(folder / "meta.json")]) == 2
    assert "cannot be read as Parquet" in " ".join(capsys.readouterr().err.split())
