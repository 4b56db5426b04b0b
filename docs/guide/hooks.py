"""What the guide's build does beside MkDocs: pages of docs/ become pages of the guide.

A link from them to a page that the guide does not have stays as text. Scripts that the theme writes
into its pages become files, because no page of ours may run a script that stands in it.
"""

import hashlib
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

DOCS = Path(__file__).resolve().parent.parent
# Pages of docs/ and their names in the guide.
REUSED = {
    "webhooks.md": "webhooks.md",
    "problems.md": "errors.md",
    "sandbox.md": "sandbox.md",
    "api.md": "api.md",
    "webhook-events.md": "events.md",
    "versioning.md": "versions.md",
    "api-changes.md": "api-changes.md",
}
SHOP = DOCS / "examples" / "shop" / "shop.py"
SHOP_HERE = "<!-- shop.py -->"
IMAGES = ("images/payment-page-qris.png", "images/payment-page-virtual-account.png")
RENAMED = {**REUSED, "examples/shop/shop.py": "shop.md"}
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)?(#[^)\s]*)?\)")
INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def on_files(files: Any, config: Any) -> Any:  # noqa: ANN401  # MkDocs has no types here
    """Add the pages of docs/ and their pictures."""
    for name, inside in REUSED.items():
        files.append(File.generated(config, inside, abs_src_path=str(DOCS / name)))
    for name in IMAGES:
        files.append(File.generated(config, name, abs_src_path=str(DOCS / name)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ANN401
    """Put the shop into its page; let the links of a page of docs/ lead to pages of the guide."""
    markdown = markdown.replace(SHOP_HERE, f"```python\n{SHOP.read_text()}```")
    if Path(page.file.abs_src_path).parent == DOCS:
        return LINK.sub(lambda link: _inside(*link.groups()), markdown)
    return markdown


def _inside(text: str, target: str | None, anchor: str | None) -> str:
    if not target or "://" in target:
        return f"[{text}]({target or ''}{anchor or ''})"
    if inside := RENAMED.get(posixpath.normpath(target)):
        return f"[{text}]({inside}{anchor or ''})"
    return text


def on_post_page(output: str, page: Any, config: Any) -> str:  # noqa: ANN401
    """Move each script of a page into a file beside the theme's."""
    folder = Path(config["site_dir"]) / "assets" / "javascripts"

    def moved(found: re.Match[str]) -> str:
        name = f"inline-{hashlib.sha256(found[1].encode()).hexdigest()[:12]}.js"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(found[1])
        above = posixpath.relpath(
            "assets/javascripts", posixpath.dirname(page.file.dest_uri) or "."
        )
        return f'<script src="{above}/{name}"></script>'

    return INLINE.sub(moved, output)


def on_post_build(config: Any) -> None:  # noqa: ANN401
    """Remove what PayTrust does not serve."""
    for name in ("404.html", "sitemap.xml", "sitemap.xml.gz"):  # PayTrust has its own answer
        (Path(config["site_dir"]) / name).unlink()
