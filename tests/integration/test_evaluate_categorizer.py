"""`arbiter evaluate categorizer`, on small files of postings."""

import json

import pandas as pd
import pytest

from cli.main import main
from models.category import CATEGORIES

TEXTS = {
    "Web Scraping": "scrape shop pages",
    "Data Processing": "clean excel rows",
    "API Integration": "connect billing api",
    "Content Generation": "write blog stories",
    "Analysis & Reporting": "sales report charts",
    "Custom Workflows": "automate nightly jobs",
}
FIGURES = {
    "macro_f1",
    "macro_f1_interval",
    "accuracy",
    "calibration_error",
    "coverage_at_threshold",
    "accuracy_at_threshold",
    "train_seconds",
    "documents_per_second",
    "per_class",
}
WITHOUT_CONFIDENCE = FIGURES - {"calibration_error", "coverage_at_threshold", "accuracy_at_threshold"}


def rows(each, **changes):
    """Postings: `each` of a category, all clean, with a description where the number is odd."""
    return [
        {"source": "here", "title": f"please {text}", "description": f"{text} today" if number % 2 else None, "label": label, "clean": True} | changes
        for label, text in TEXTS.items()
        for number in range(each)
    ]


@pytest.fixture
def files(folder):
    """Write two files and return the options that name them."""

    def write(train, test):
        for name, table in (("train", train), ("test", test)):
            pd.DataFrame(table).to_parquet(folder / f"{name}.parquet")
        return ["evaluate", "categorizer", "--train", str(folder / "train.parquet"), "--test", str(folder / "test.parquet")]

    return write


@pytest.fixture
def evaluated(files, capsys):
    def run(train, test, *options):
        code = main([*files(train, test), *options])
        return code, *capsys.readouterr()

    return run


def test_the_json_has_these_keys_and_no_others(evaluated):
    code, out, _ = evaluated(rows(8), rows(3), "--json")
    figures = json.loads(out)
    assert code == 0
    assert set(figures) == FIGURES | {"baselines"}
    assert set(figures["baselines"]) == {"keyword_rules", "complement_naive_bayes"}
    assert set(figures["baselines"]["keyword_rules"]) == WITHOUT_CONFIDENCE
    assert set(figures["baselines"]["complement_naive_bayes"]) == FIGURES
    assert tuple(figures["per_class"]) == CATEGORIES
    assert figures["per_class"]["Web Scraping"] == {"precision": 1, "recall": 1, "f1": 1, "support": 3}


def test_what_is_easy_is_scored_as_right(evaluated):
    _, out, _ = evaluated(rows(8), rows(3), "--json")
    figures = json.loads(out)
    for scores in (figures, *figures["baselines"].values()):
        assert (scores["macro_f1"], scores["macro_f1_interval"], scores["accuracy"]) == (1, [1, 1], 1)
    assert figures["documents_per_second"] > 0
    assert figures["train_seconds"] > 0


def test_only_clean_rows_with_a_label_are_scored(evaluated):
    wrong = {"label": "Web Scraping"}
    doubtful, unlabelled = rows(2, clean=False, **wrong), rows(1, label=None)
    _, out, _ = evaluated([*rows(8), *unlabelled], [*rows(3), *doubtful, *unlabelled], "--json")
    figures = json.loads(out)
    assert sum(score["support"] for score in figures["per_class"].values()) == 3 * len(CATEGORIES)
    assert figures["accuracy"] == 1


def test_a_file_that_lacks_a_category_is_scored_by_those_that_occur(evaluated):
    code, out, _ = evaluated(rows(8), rows(3)[:-3], "--json")
    figures = json.loads(out)
    assert (code, figures["macro_f1"], figures["accuracy"]) == (0, 1, 1)
    assert figures["per_class"]["Custom Workflows"] == {"precision": None, "recall": None, "f1": None, "support": 0}


def test_the_threshold_is_that_of_the_settings(evaluated, monkeypatch):
    monkeypatch.setenv("ARBITER_CONFIDENCE_LEAST", "1")
    _, out, _ = evaluated(rows(8), rows(3), "--json")
    figures = json.loads(out)
    assert (figures["coverage_at_threshold"], figures["accuracy_at_threshold"]) == (0, None)


def test_tags_that_a_feed_attached_help_nobody(evaluated):
    """All texts are alike; only what the feed attached tells the categories apart."""
    table = [row | {"title": "help wanted", "description": f"soon\nPosted On: today\nCategory: x\nSkills: {TEXTS[row['label']]}"} for row in rows(8)]
    _, out, _ = evaluated(table, table, "--json")
    assert json.loads(out)["accuracy"] == pytest.approx(1 / 6)


def test_for_people_it_prints_tables(evaluated):
    code, out, err = evaluated(rows(8), rows(3))
    assert (code, err) == (0, "")
    for part in ("categorizer", "keyword rules", "complement naive Bayes", "1.000 to 1.000", "calibration error", "Analysis & Reporting", "0.60"):
        assert part in out


@pytest.mark.parametrize(
    ("train", "test", "complaint"),
    [
        (rows(3)[3:], rows(3), "train.parquet holds no posting of Web Scraping to learn from"),
        (rows(3), rows(3, clean=False), "test.parquet holds no posting with a clean label"),
        (rows(3), rows(3, label=None), "test.parquet holds no labelled posting"),
        (rows(3), rows(3, label="Plumbing"), "test.parquet is not a table of labelled postings: unknown categories: Plumbing"),
        (rows(3, title=7), rows(3), "train.parquet is not a table of labelled postings: values of another type in title"),
        (rows(3), rows(3, clean="yes"), "test.parquet is not a table of labelled postings: values of another type in clean"),
        ([{"title": "x", "label": "y"}], rows(3), "train.parquet is not a table of labelled postings: it lacks the columns description, clean"),
        (rows(3, title="数据", description=None), rows(3), "hold no word that could be learned"),
    ],
)
def test_what_cannot_be_evaluated_is_named(evaluated, train, test, complaint):
    code, out, err = evaluated(train, test)
    assert (code, out) == (2, "")
    assert complaint in err


@pytest.mark.parametrize("content", [None, b"no table"])
def test_a_file_that_is_missing_or_no_table_is_named(files, folder, capsys, content):
    options = files(rows(3), rows(3))
    (folder / "test.parquet").unlink()
    if content:
        (folder / "test.parquet").write_bytes(content)
    assert main(options) == 2
    assert f"{folder / 'test.parquet'} is not a table of labelled postings" in capsys.readouterr().err
