"""Keyword rules: which words of a task speak for which category.

The rules are the baseline that the learned categorizer must beat, and twelve of its features (six counts in the title, six in the whole text).
"""

import functools
import hashlib
from collections.abc import Sequence

from models.category import Category

_TEXTS = {  # phrases of up to three words; `*` ends a single word and stands for any ending
    Category.WEB_SCRAPING: """
        scrap*, crawl*, spider, selenium, beautifulsoup, puppeteer, playwright, headless browser, captcha, recaptcha, rotating proxies,
        proxies, proxy rotation, data extraction, extract data, data extractor, data mining, harvest*, parser, extract emails, extract
        contact, collect emails, email list, lead list, list building, business directory, directory listing, public data, from websites,
        from website, from the website, web data, price monitoring, prices from, product urls, html pages
    """,
    Category.DATA_PROCESSING: """
        data entry, excel, xlsx, spreadsheet*, google sheet, google sheets, csv, data cleaning, data cleansing, clean data, duplicates,
        etl, elt, data pipeline, data pipelines, data migration, migrate data, data warehouse, warehousing, snowflake, databricks,
        pyspark, spark, airflow, dbt, pandas, parquet, transcri*, copy typing, retype, handwritten, scanned, ocr, pdf to, to excel, into
        excel, convert pdf, vba, macro, macros, pivot, vlookup, formulas, ms access, data processing, data engineer, data engineers, data
        engineering, annotation, labeling, labelling, product upload, product listing, bulk upload, normalize, normalise, merge, sql
        queries, stored procedures, data lake, join, deduplicat*, reformat
    """,
    Category.API_INTEGRATION: """
        api, apis, rest api, restful, graphql, webhook*, endpoint*, oauth, oauth2, integrate, integration*, integrating, sync*, payment
        gateway, stripe, paypal, razorpay, twilio, zapier, hubspot, salesforce, quickbooks, xero, netsuite, plaid, sdk, third party,
        middleware, soap, grpc, swagger, openapi, postman, microservice*, websocket*, whatsapp business, telegram bot api, sandbox keys,
        api key, api keys, access token, json response, crm integration, erp integration
    """,
    Category.CONTENT_GENERATION: """
        write*, writing, article*, blog*, copywrit*, ghostwrit*, proofread*, ebook*, story, stories, storytelling, novel, script writing,
        script writer, screenplay, lyrics, poem*, translat*, seo content, content creation, content creator, content writing, content
        writer, newsletter*, press release, product descriptions, captions, subtitle*, voice over, voiceover, voice overs, narrat*,
        podcast*, edit video, edit videos, video editor, video*, youtube, reels, tiktok, animation*, animated, motion graphics, after
        effects, premiere, logo*, illustrat*, graphic design, graphic designer, photoshop, banner*, flyer*, brochure*, poster*, book
        cover, cover design, infographic*, thumbnail*, artwork, branding, song, music, storyboard*, cinematic, footage, powerpoint,
        presentation
    """,
    Category.ANALYSIS_REPORTING: """
        analy*, dashboard*, report, reports, reporting, power bi, powerbi, dax, tableau, looker, qlik*, statistic*, spss, stata,
        regression, forecast*, predict*, market research, research, survey*, insights, visualization*, visualisation*, visualize, kpi*,
        metrics, trend*, financial model, financial modeling, valuation, business intelligence, data science, data scientist, sentiment,
        hypothesis, correlation*, cohort, google analytics, econometric*, dataset*, machine learning, findings, charts, chart
    """,
    Category.CUSTOM_WORKFLOWS: """
        automat*, workflow*, n8n, make com, integromat, power automate, powerapps, rpa, uipath, chatbot*, ai agent, ai agents, bot, bots,
        trading bot, pine script, pinescript, virtual assistant, apps script, app, apps, mobile app, android, ios, flutter, react,
        website*, web app, wordpress, shopify, woocommerce, landing page, ecommerce, frontend, backend, full stack, fullstack, laravel,
        php, developer, plugin, theme, ui ux, figma, firmware, arduino, esp32, raspberry, cad, autocad, solidworks, game, unity, unreal,
        blockchain, devops, deploy*, server, linux, debug*, refactor*, login, admin panel, recruit*, sales, marketing, customer support,
        receptionist, tutor*
    """,
}

RULES: dict[Category, tuple[str, ...]] = {
    category: tuple(" ".join(phrase.split()) for phrase in text.split(",")) for category, text in _TEXTS.items()
}

_PHRASE_WORDS = 3  # of the longest phrase
_TITLE_WEIGHT = 3  # a hit in the title says as much as three in the text


def matches(words: Sequence[str]) -> list[tuple[Category, str]]:
    """Return each phrase that occurs, as often as it occurs, with the category that it speaks for; a phrase inside a longer one counts too.

    >>> matches(["scraping", "into", "excel"])
    [(<Category.WEB_SCRAPING: 'Web Scraping'>, 'scraping'), (<Category.DATA_PROCESSING: 'Data Processing'>, 'into excel'), (<Category.DATA_PROCESSING: 'Data Processing'>, 'excel')]
    """  # noqa: E501 - a doctest's answer is one line
    found = []
    for start, word in enumerate(words):
        single = _category_of(word)
        if single is not None:
            found.append((single, word))
        if word in _FIRST_WORDS:
            phrases = (" ".join(words[start : start + length]) for length in range(2, min(_PHRASE_WORDS, len(words) - start) + 1))
            found += [(_WHOLE[phrase], phrase) for phrase in phrases if phrase in _WHOLE]
    return found


def hits(found: Sequence[tuple[Category, str]]) -> list[int]:
    """Count matches by category, in the order of `Category`."""
    counts = dict.fromkeys(Category, 0)
    for category, _phrase in found:
        counts[category] += 1
    return list(counts.values())


def by_rules(title: Sequence[str], body: Sequence[str]) -> Category:
    """Return the category with the most hits; on a tie, and without a hit, the later one: `Custom Workflows` is what none of the others is."""
    counts = [_TITLE_WEIGHT * in_title + in_body for in_title, in_body in zip(hits(matches(title)), hits(matches(body)), strict=True)]
    return max(zip(counts, range(len(counts)), Category, strict=True))[2]


def digest() -> str:
    """Return a fingerprint of the rules: weights that were trained beside other rules do not fit."""
    return hashlib.sha256(repr([(category.value, phrases) for category, phrases in RULES.items()]).encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=65_536)  # bounded: the words are foreign
def _category_of(word: str) -> Category | None:
    if word in _WHOLE:
        return _WHOLE[word]
    return next((_STEMS[word[:length]] for length in _STEM_LENGTHS if word[:length] in _STEMS), None)


_WHOLE = {phrase: category for category, phrases in RULES.items() for phrase in phrases if not phrase.endswith("*")}
_FIRST_WORDS = {phrase.split()[0] for phrase in _WHOLE if " " in phrase}
_STEMS = {phrase.rstrip("*"): category for category, phrases in RULES.items() for phrase in phrases if phrase.endswith("*")}
_STEM_LENGTHS = sorted({len(stem) for stem in _STEMS}, reverse=True)  # the longest stem wins
