"""From a run folder to pages: a verdict, tables, figures. Needs neither a network nor a key."""

from harness.report.exports import export
from harness.report.pages import Report, write_report
from harness.report.publish import publish
from harness.report.text import STYLES, headline_text, published_text
from harness.report.verdict import verdict

__all__ = ["STYLES", "Report", "export", "headline_text", "publish", "published_text", "verdict", "write_report"]
