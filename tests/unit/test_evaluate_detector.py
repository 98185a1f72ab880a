"""The command that measures the detector, on two small series."""

import json

import numpy as np
import pandas as pd
import pytest

from cli.evaluate_detector import detector
from models.errors import Invalid
from tasks.anomaly_baselines import BASELINES

POINTS = 900
STAMPS = pd.date_range("2026-01-01", periods=POINTS, freq="h")


def files(folder, frame=None, windows=None):
    """Two series: `odd.csv` jumps at point 700, within its window; `calm.csv` lacks a value."""
    dice = np.random.default_rng(1)
    odd, calm = dice.normal(50.0, 2.0, POINTS), dice.normal(5.0, 1.0, POINTS)
    odd[700:703] += 60.0
    calm[400] = np.nan
    series = {"odd.csv": odd, "calm.csv": calm}
    usual = pd.concat([pd.DataFrame({"file": name, "timestamp": STAMPS, "value": values}) for name, values in series.items()])
    data, labels = folder / "series.parquet", folder / "windows.json"
    (usual if frame is None else frame(usual)).to_parquet(data)
    known = {"calm.csv": [], "odd.csv": [[f"{STAMPS[690]}.000000", f"{STAMPS[720]}.000000"]], "elsewhere.csv": []}
    labels.write_text(json.dumps(known if windows is None else windows))
    return {"data": data, "labels": labels}


def numbers(report):
    """All of a report but times."""
    return {name: value for name, value in report.items() if name != "microseconds_per_point"}


def test_the_report_has_every_figure_of_the_detector_and_of_each_baseline(tmp_path, capsys):
    detector(**files(tmp_path), as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert (report["series"], report["windows"], report["points"]) == (2, 1, 2 * POINTS)
    assert report["nab"].keys() == {"standard", "low_fp", "low_fn"}
    assert report["nab"]["standard"] > 50
    assert report["event"]["recall"] == 1.0
    assert 0 <= report["false_alarm_ratio"] < 5
    assert report["baselines"].keys() == BASELINES.keys()
    for scores in (report, *report["baselines"].values()):
        assert scores["microseconds_per_point"] > 0
        assert scores["event"].keys() == scores["alarm"].keys() == {"precision", "recall", "f1"}


def test_processes_change_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tasks.evaluate_detector.BASELINES", {"random": BASELINES["random"]})
    reports = []
    for jobs in (1, 2):
        detector(**files(tmp_path), jobs=jobs, as_json=True)
        report = json.loads(capsys.readouterr().out)
        reports.append(numbers(report) | {"baselines": {name: numbers(one) for name, one in report["baselines"].items()}})
    assert reports[0] == reports[1]


def test_people_get_a_table(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tasks.evaluate_detector.BASELINES", {"random": BASELINES["random"]})
    detector(**files(tmp_path, windows={"odd.csv": [], "calm.csv": []}))
    shown = capsys.readouterr().out
    assert "0 anomalies in 2 series of 1,800 points" in shown
    assert "random" in shown


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (lambda usual: usual.drop(columns="value"), "missing: value"),
        (lambda usual: usual.head(0), "missing: rows"),
        (lambda usual: usual.assign(value="many"), "has to hold numbers"),
        (lambda usual: usual.assign(timestamp=1.0), "`timestamp` times"),
        (lambda usual: usual.assign(file=None), "needs a file"),
        (lambda usual: usual.assign(timestamp=STAMPS[0]), "do not ascend"),
        (lambda usual: usual.groupby("file").head(5), "5 points; at least 20"),
    ],
)
def test_series_that_cannot_be_scored_are_refused(tmp_path, frame, complaint):
    with pytest.raises(Invalid, match=complaint):
        detector(**files(tmp_path, frame=frame))


@pytest.mark.parametrize(
    ("windows", "complaint"),
    [
        ([], "has to hold an object"),
        ({"calm.csv": []}, "says nothing about odd"),
        ({"calm.csv": [], "odd.csv": [["2026-01-01 00:30:00", "2026-01-02 00:00:00"]]}, "no pair of timestamps"),
        ({"calm.csv": [], "odd.csv": ["2026-01-01"]}, "no pair of timestamps"),
        ({"calm.csv": [], "odd.csv": 7}, "no pair of timestamps"),
        ({"calm.csv": [], "odd.csv": [["2026-01-02", "2026-01-01"]]}, "have to ascend"),
        ({"calm.csv": [], "odd.csv": [["2026-01-01", "2026-01-03"], ["2026-01-02", "2026-01-04"]]}, "not to overlap"),
    ],
)
def test_windows_that_do_not_fit_the_series_are_refused(tmp_path, windows, complaint):
    with pytest.raises(Invalid, match=complaint):
        detector(**files(tmp_path, windows=windows))


def test_what_are_no_such_files_is_refused(tmp_path):
    good = files(tmp_path)
    (tmp_path / "text").write_text("no")
    with pytest.raises(Invalid, match="not a Parquet file"):
        detector(data=tmp_path / "text", labels=good["labels"])
    for labels in (tmp_path / "text", tmp_path / "absent"):
        with pytest.raises(Invalid, match="not a JSON file"):
            detector(data=good["data"], labels=labels)
