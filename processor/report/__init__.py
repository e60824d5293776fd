"""What a batch leaves to read: figures, a report for programs and for people, a contact sheet."""

from processor.report.model import BatchReport, Span
from processor.report.pages import write_contact_sheet
from processor.report.schema import write_json

__all__ = ["BatchReport", "Span", "write_contact_sheet", "write_json"]
