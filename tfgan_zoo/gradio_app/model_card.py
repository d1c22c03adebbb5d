"""A model's card in HTML."""

import html
import re


def card(about):
    """An `About` in HTML, where nothing of a card is markup but the link to its paper."""
    paper = r'<a href="https://arxiv.org/abs/\1" target="_blank" rel="noopener noreferrer">arXiv:\1</a>'
    summary = re.sub(r"\barXiv:(\d{4}\.\d{4,5})\b", paper, html.escape(about.summary))
    facts = " · ".join(html.escape(fact) for fact in (f"version {about.version}", *about.facts))
    return f'<div class="card"><p>{summary}</p><p class="facts">{facts}</p></div>'
