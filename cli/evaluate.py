"""Commands that measure how good what the product learned is, on data that were kept back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.evaluate_detector import detector
from cli.evaluate_forecaster import forecaster
from cli.evaluate_router import router
from cli.home import settings
from cli.output import Screen, print_json
from cli.work import Json

NAMES = {"keyword_rules": "keyword rules", "complement_naive_bayes": "complement naive Bayes"}


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file."""
    evaluate = typer.Typer(help="How good the learned parts are, on data that they have not seen.", no_args_is_help=True)
    evaluate.command()(categorizer)
    evaluate.command()(router)
    evaluate.command()(forecaster)
    evaluate.command()(detector)
    app.add_typer(evaluate, name="evaluate")


def categorizer(
    train: Annotated[Path, typer.Option(help="Parquet file with title, description, label and clean: to learn from.", show_default=False)],
    test: Annotated[Path, typer.Option(help="The same, kept back: to be scored by.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Train the categorizer and its baselines on labelled postings and score them on others."""
    from tasks.evaluate_categorizer import evaluate_categorizer

    least = settings().confidence_least
    figures = evaluate_categorizer(train, test, least=least)
    if as_json:
        print_json(figures)
    else:
        show_categorizer(Screen(), figures, least=least)


def show_categorizer(screen: Screen, figures: Mapping[str, Any], *, least: float) -> None:
    """Print the figures beside the baselines', then those of each category."""
    all_of = {"categorizer": figures} | {NAMES[name]: found for name, found in figures["baselines"].items()}
    screen.table([_line(name, found) for name, found in all_of.items()], tuple(_line("", figures)))
    screen.heading("Categories")
    scores = [{"category": category, **_rounded(score)} for category, score in figures["per_class"].items()]
    screen.table(scores, ("category", "precision", "recall", "f1", "support"))
    screen.mark("info", f"acted on: confidence of {least:.2f} and more; a person reviews the others")
    screen.mark("info", "times are CPU seconds of one core; the interval of macro-F1 is the bootstrap's, 95 %")


def _line(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    low, high = figures["macro_f1_interval"]
    return {
        "": name,
        "macro-F1": f"{figures['macro_f1']:.3f}",
        "interval": f"{low:.3f} to {high:.3f}",
        "accuracy": _share(figures["accuracy"]),
        "calibration error": None if "calibration_error" not in figures else f"{figures['calibration_error']:.3f}",
        "acted on": _share(figures.get("coverage_at_threshold")),
        "right of these": _share(figures.get("accuracy_at_threshold")),
        "training s": f"{figures['train_seconds']:.1f}",
        "documents/s": f"{figures['documents_per_second']:,.0f}",
    }


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"


def _rounded(score: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"{value:.3f}" if isinstance(value, float) else value for name, value in score.items()}
