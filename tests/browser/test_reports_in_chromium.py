"""The committed reports, opened from disk in a real browser and used as a reader uses them."""

import csv
from pathlib import Path

import pytest

from harness.plots.looks import PALETTE
from harness.plots.timeline import PARTS
from harness.report import write_report
from tests.folders import made

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
REPORTS = sorted(ROOT.glob("reports/*/index.html"))
ARTICLE = ROOT / "reports" / "article" / "index.html"
MATRIX = ROOT / "reports" / "fault_matrix" / "index.html"


def texts(page, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_inner_texts()]


def column(page, table: str, number: int) -> list[str]:
    return texts(page, f"#table-{table} tbody tr:visible > :nth-child({number})")


def luminance(colour: str) -> float:
    """Relative luminance of "rgb(r, g, b)" (WCAG 2.2)."""
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_there_are_reports_to_open():
    """So that the next test cannot pass on nothing."""
    assert len(REPORTS) >= 11


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.parent.name)
def test_a_committed_report_opens_and_draws_every_figure(opened, report):
    """Without a complaint, without asking for anything, each figure a drawing with something in it."""
    page = opened(report)
    figures = page.locator("figure[data-figure]")
    assert figures.count() >= 1
    for figure in figures.all():
        assert figure.locator("svg[role=img] :is(rect, path, circle, line)").count() > 3
        assert figure.locator("svg").first.get_attribute("aria-labelledby")
    assert page.locator(".verdict").inner_text()


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.parent.name)
def test_nothing_is_wider_than_a_phone(opened, report):
    """Tables and drawings scroll in their own boxes, the page does not."""
    page = opened(report, viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_header_sorts_its_column_up_and_down(opened):
    """By number where there are numbers, and says so to whoever cannot see the arrow."""
    page = opened(ARTICLE)
    button = page.locator("#table-cells thead button").nth(1)
    button.click()
    totals = [float(text) for text in column(page, "cells", 2)]
    assert totals == sorted(totals)
    assert page.locator("#table-cells th[aria-sort]").get_attribute("aria-sort") == "ascending"
    button.click()
    assert [float(text) for text in column(page, "cells", 2)] == totals[::-1]


def test_dashes_stand_last_whichever_way_a_column_is_sorted(opened):
    """What there is not is neither small nor large."""
    page = opened(ARTICLE)
    button = page.locator("#table-cells thead button").nth(4)
    for _ in range(2):
        button.click()
        assert column(page, "cells", 5)[-1] == "-"


def test_words_filter_a_long_table(opened):
    """All of them must be in a row; how many are left is said."""
    page = opened(MATRIX)
    everything = page.locator("#table-cells tbody tr").count()
    assert everything > 900
    page.locator("[data-filter=table-cells]").fill("adaptive stall")
    shown = column(page, "cells", 1)
    assert 0 < len(shown) < everything
    assert all("adaptive" in cell and "stall" in cell for cell in shown)
    assert page.locator("#cells output").inner_text() == f"{len(shown)} of {everything} rows"


def test_hovering_gives_the_values(opened):
    """Of the bar under the pointer."""
    page = opened(ARTICLE)
    bars = page.locator("[data-figure=batch_timings] g[aria-label=bar] rect")
    assert bars.count() == 30
    bars.nth(3).hover()
    tip = page.locator("[data-figure=batch_timings] g[aria-label=tip] text")
    tip.first.wait_for()
    rows = list(csv.DictReader((ARTICLE.parent / "figures" / "batch_timings.csv").read_text().splitlines()))
    told = {f"{row['cell']}batch {int(row['batch']) + 1}" for row in rows}
    shown = tip.first.text_content().replace("\u200b", "")
    assert any(shown.startswith(f"{one}: ") for one in told)


def test_choosing_a_cell_shows_its_batches(opened):
    """From the headline table; its row is marked."""
    page = opened(ARTICLE)
    page.locator("[data-choose=article_20]").click()
    assert page.locator("#explore select").first.input_value() == "article_20"
    assert page.locator("#batches svg").get_attribute("aria-label") == "Batches of article_20"
    assert page.locator("#table-cells tr.chosen").get_attribute("data-cell") == "article_20"


def test_choosing_a_batch_shows_its_timeline(opened):
    """A bar per request; with the keyboard as with the mouse."""
    page = opened(ARTICLE)
    select = page.locator("#explore select").nth(1)
    select.select_option(index=2)
    heading = page.locator("#one-batch h3").first
    assert heading.inner_text().startswith("article_none: ")
    assert "for 100 requests" in heading.inner_text()
    assert page.locator("#one-batch svg").first.locator("g[aria-label=rect] rect").count() >= 100
    before = page.locator("#one-batch svg").first.get_attribute("aria-label")
    page.locator("#next").focus()
    page.keyboard.press("Enter")
    assert page.locator("#one-batch svg").first.get_attribute("aria-label") != before


def test_a_click_on_a_bar_chooses_its_batch(opened):
    """Of its cell, and takes the reader there."""
    page = opened(ARTICLE)
    page.locator("[data-figure=batch_timings] g[aria-label=bar] rect").nth(4).click()
    cell, batch = (
        page.locator("#explore select").first.input_value(),
        page.locator("#explore select").nth(1).input_value(),
    )
    label = page.locator("#one-batch svg").first.get_attribute("aria-label")
    trial, number = batch.split()
    assert label == f"Timeline of batch {int(number) + 1} of trial {trial} of {cell}"


def test_time_is_logarithmic_or_not(opened):
    """As the box says."""
    page = opened(ARTICLE)
    logarithmic = page.locator("#one-batch g[aria-label='x-axis tick label']").first.text_content()
    page.locator("#log-time").uncheck()
    assert page.locator("#one-batch g[aria-label='x-axis tick label']").first.text_content() != logarithmic


def test_the_data_of_a_figure_can_be_downloaded(opened, tmp_path):
    """From the page alone, with the rows that the file beside it has."""
    page = opened(ARTICLE)
    with page.expect_download() as download:
        page.locator("[data-download=totals]").click()
    download.value.save_as(tmp_path / "totals.csv")
    with (
        (tmp_path / "totals.csv").open(newline="") as file,
        (ARTICLE.parent / "figures" / "totals.csv").open() as beside,
    ):
        ours, theirs = list(csv.reader(file)), list(csv.reader(beside))
    assert ours[0] == theirs[0]
    assert len(ours) == len(theirs) > 100


def test_the_page_turns_dark_and_back(opened):
    """By its own button, whatever the system has; and text stands out on both."""
    page = opened(ARTICLE, color_scheme="light")
    style = "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    light = page.evaluate(style)
    page.locator("#theme").click()
    page.locator("#theme").click()
    dark = page.evaluate(style)
    assert luminance(light[1]) > 0.9
    assert luminance(dark[1]) < 0.05
    assert contrast(*light) >= 7
    assert contrast(*dark) >= 7


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_stand_out(opened, scheme):
    """Text at least 4.5 to 1 on its ground, and what is drawn at least 1.9 to 1 (WCAG asks for 3 where colour alone
    tells; here names, marks and tables tell it too)."""
    page = opened(ARTICLE, color_scheme=scheme)
    colour = """name => {
        const probe = document.createElement("i");
        probe.style.color = `var(--${name})`;
        document.body.append(probe);
        return getComputedStyle(probe).color;
    }"""
    ground, panel = page.evaluate(colour, "page"), page.evaluate(colour, "panel")
    for name in ("ink", "soft", "accent"):
        assert contrast(page.evaluate(colour, name), ground) >= 4.5, name
        assert contrast(page.evaluate(colour, name), panel) >= 4.5, name
    for name in ("lost", *(f"part-{part}" for part in PARTS)):
        assert contrast(page.evaluate(colour, name), ground) >= 2.7, name
    for name in ("reference", *(f"colour-{place}" for place in range(len(PALETTE)))):
        assert contrast(page.evaluate(colour, name), ground) >= 1.9, name


def test_it_prints(opened, tmp_path):
    """To a few pages of PDF, light whatever the screen is, without the controls."""
    page = opened(ARTICLE, color_scheme="dark")
    page.pdf(path=tmp_path / "report.pdf", format="A4", print_background=True)
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert 2 <= content.count(b"/Type /Page\n") + content.count(b"/Type /Page ") <= 12
    page.emulate_media(media="print", color_scheme="dark")
    assert luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.9
    assert not page.locator("#theme").is_visible()


def test_every_control_has_a_name(opened):
    """For whoever hears the page instead of seeing it."""
    page = opened(ARTICLE)
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, a")]
            .filter(e => ![e.textContent, e.ariaLabel, e.closest("label")?.textContent].some(text => text?.trim()))
            .map(e => e.outerHTML)"""
    )
    assert unnamed == []


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", 'a "b" | c', "größe=百", "a b'c", "&amp;"],
)
def test_names_are_shown_as_they_are_and_never_run(opened, tmp_path, name):
    """In table, select, figure and timeline."""
    folder = made(tmp_path / "run", {name: [[2.0, 1.0]], "b": [[1.0, 1.0]]})
    page = opened(write_report(folder, tmp_path / "out").index)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.locator("[data-choose]").first.click()
    assert page.locator("#explore select").first.input_value() == name
    assert column(page, "cells", 1)[0] == name
    assert page.locator("#batches svg").get_attribute("aria-label") == f"Batches of {name}"


def test_without_scripts_the_pictures_beside_the_page_are_shown(browser, tmp_path):
    """And the tables are there anyway."""
    folder = made(tmp_path / "run", {"a": [[2.0, 1.0]], "b": [[1.0, 1.0]]})
    report = write_report(folder, tmp_path / "out").index
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    pictures = page.locator("figure img")
    assert pictures.count() >= 3
    for picture in pictures.all():
        picture.scroll_into_view_if_needed()
        assert picture.bounding_box()["height"] > 100
    assert "faster than" in page.locator(".verdict").inner_text()
    context.close()
