"""A model's card in HTML."""

import html
import re

from tfgan_zoo.gradio_app.model_library import ModelInfo


def card(info: ModelInfo) -> str:
    """HTML of a model's info. Everything is escaped; the only link is to arXiv."""
    paper = r'<a href="https://arxiv.org/abs/\1" target="_blank" rel="noopener noreferrer">arXiv:\1</a>'
    summary = re.sub(r"\barXiv:(\d{4}\.\d{4,5})\b", paper, html.escape(info.summary))
    facts = " · ".join(html.escape(fact) for fact in (f"version {info.version}", *info.facts))
    return f'<div class="card"><p>{summary}</p><p class="facts">{facts}</p></div>'
