"""The six categories of paid work. A task has one of them, an agent has some as its skills."""

from enum import StrEnum


class Category(StrEnum):
    """What kind of work a task asks for; the value is what people read and what the store keeps."""

    WEB_SCRAPING = "Web Scraping"  # collect data from pages of others
    DATA_PROCESSING = "Data Processing"  # clean, convert, join, enter or move data
    API_INTEGRATION = "API Integration"  # make systems exchange data through their interfaces
    CONTENT_GENERATION = "Content Generation"  # write, translate, draw, design, record
    ANALYSIS_REPORTING = "Analysis & Reporting"  # find out what data say, and show it
    CUSTOM_WORKFLOWS = "Custom Workflows"  # build software or automate a process; what none of the others is


CATEGORIES: tuple[str, ...] = tuple(category.value for category in Category)  # in the fixed order that probabilities and weights use
NONE = "None of these"  # what a person says of a text that is of no known category: a label, never the category of a task
