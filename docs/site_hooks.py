"""Hooks of the documentation's site (`mkdocs.yml`): what it takes from outside of docs/.

The pages are written to be read in the checkout too, so their links are relative to their own folder and may lead out of docs/.
Here a link to a page or a picture that the site has is redirected to it, a link to anything else in the checkout becomes plain
text, and a link to what does not exist is a warning, which fails a strict build. `<!-- README.md: NAME -->` in a page is
replaced by the README's block between `<!-- NAME -->` and `<!-- /NAME -->`.
"""

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Files outside of docs/ that are pages of the site.
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "serving/README.md": "deployment.md"}
PICTURES = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("export/*/1/grid.png"))]
FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[([^\[\]]*)\]\(([^()\s#]*)(#[^()\s]*)?\)")

log = logging.getLogger("mkdocs.hooks.site")


def on_config(config):
    """Fills the navigation's Models in the order of the README's table, and checks the README's links."""
    redirected(README, "README.md", "index.md")
    models = re.findall(r"^\| \[`\w+`\]\(docs/(\w+\.md)\)", README, re.MULTILINE)
    next(entry for entry in config.nav if "Models" in entry)["Models"] = models
    extending = next(entry for entry in config.nav if "Extending" in entry)["Extending"]
    extending += sorted(path.name for path in (ROOT / "docs").glob("extending_*.md"))
    return config


def on_files(files, config):
    """Adds the pages and pictures from outside of docs/."""
    for path, page in [*PAGES.items(), *zip(PICTURES, PICTURES, strict=True)]:
        files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    return files


def site_path(path):
    """Where the site has a file of the checkout, such as "docs/gan.md"; None where it does not."""
    if path.startswith("docs/") and (ROOT / path).is_file():
        return path.removeprefix("docs/")
    return PAGES.get(path, path if path in PICTURES else None)


def redirected(markdown, source, page):
    """The Markdown of `source`, a file of the checkout, with links for `page`, a path of the site."""

    def redirect(link):
        picture, text, target, anchor = link.groups()
        if not target or re.match(r"\w+:", target):
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if not (ROOT / path).exists():
            log.warning("%s links to %s, which does not exist", source, target)
        found = site_path(path)
        if found is None:
            return text
        return f"{picture}[{text}]({posixpath.relpath(found, posixpath.dirname(page) or '.')}{anchor or ''})"

    parts = FENCE.split(markdown)
    return "".join(part if FENCE.match(part) else LINK.sub(redirect, part) for part in parts)


def on_page_markdown(markdown, page, config, files):
    """Fills in the README's blocks and redirects the links."""
    name = page.file.src_uri
    source = next((path for path, mapped in PAGES.items() if mapped == name), f"docs/{name}")
    markdown = redirected(markdown, source, name)

    def block(mark):
        found = re.search(rf"<!-- {mark[1]} -->\n(.*?)<!-- /{mark[1]} -->", README, re.DOTALL)
        if not found:
            log.warning("%s asks for the block %s of README.md, which has none", source, mark[1])
            return ""
        return redirected(found[1], "README.md", name)

    return re.sub(r"<!-- README\.md: (\w+) -->", block, markdown)
