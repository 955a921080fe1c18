"""The report: data, templates, and one self-contained HTML file."""
