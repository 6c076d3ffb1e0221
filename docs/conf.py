"""The configuration of Sphinx: `sphinx-build -W docs docs/_build/html`."""

import os
import re
import urllib.request
import warnings
from pathlib import Path

import sklearn_spectral

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = os.environ.get("SKLEARN_SPECTRAL_REPOSITORY", "")

project = "sklearn_spectral"
author = "The sklearn_spectral developers"
copyright = "The sklearn_spectral developers, BSD-3-Clause"
release = version = sklearn_spectral.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "matplotlib.sphinxext.plot_directive",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/*.ipynb"]
default_role = "autolink"

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_spectral"
html_static_path = ["_static"]
html_css_files = ["wide_tables.css"]
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "header_links_before_dropdown": 5,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
if REPOSITORY:
    html_theme_options["github_url"] = REPOSITORY

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False

plot_include_source = False
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("svg", 100)]

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def _reached(address: str) -> bool:
    """Tell whether a site answers; without a network its names are not links."""
    try:
        with urllib.request.urlopen(f"{address}/objects.inv", timeout=5):
            return True
    except OSError:
        return False


SITES = {
    "python": "https://docs.python.org/3",
    "numpy": "https://numpy.org/doc/stable",
    "sklearn": "https://scikit-learn.org/stable",
    "torch": "https://docs.pytorch.org/docs/stable",
    "skorch": "https://skorch.readthedocs.io/en/stable",
}
intersphinx_mapping = {name: (url, None) for name, url in SITES.items() if _reached(url)}

# ---- the gallery ----

warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "plot_gallery": os.environ.get("SKLEARN_SPECTRAL_RUN_EXAMPLES", "1") == "1",
    "download_all_examples": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1,
    "backreferences_dir": "auto_examples/backreferences",
    "doc_module": ("sklearn_spectral",),
}

# ---- pages that stand elsewhere in the repository ----

# In the repository a link leads to a file, on the site to its page.
BORROWED = {
    "benchmarks": "benchmarks/README.md",
    "benchmarks_paper": "benchmarks/results/paper/tables.md",
    "changelog": "CHANGELOG.md",
    "security": "SECURITY.md",
    "contributing/index": "CONTRIBUTING.md",
}


def _page_of(path: str, docname: str) -> str | None:
    """Return the link to the page of a file of the repository, if it has one."""
    up = "../" * docname.count("/")
    for page, file in BORROWED.items():
        if path == file:
            return f"{up}{page}.md"
    if path == "examples":
        return f"{up}auto_examples/index.rst"
    if match := re.fullmatch(r"examples/(\d\d_\w+)\.py", path):
        return f"{up}auto_examples/{match[1]}.rst"
    if path.startswith("docs/") and path.endswith(".md"):
        return up + path.removeprefix("docs/")
    return None


def _with_links(text: str, file: Path, docname: str) -> str:
    """Replace links to files by links to pages, and those without a page by their text."""

    def replace(match: re.Match) -> str:
        picture, words, path, anchor = match.groups()
        if re.match(r"[a-z]+:", path) or not path:
            return match[0]
        target = (file.parent / path).resolve()
        if picture:
            return f"![{words}]({os.path.relpath(target, ROOT / 'docs' / docname / '..')})"
        page = _page_of(str(target.relative_to(ROOT)), docname)
        return words if page is None else f"[{words}]({page}{anchor or ''})"

    return re.sub(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)]*)?\)", replace, text)


def _of_readme(part: str) -> str:
    """Return a part of the README that the first page has too."""
    file = ROOT / "README.md"
    _, after = file.read_text(encoding="utf-8").split(f"<!-- part: {part} -->")
    text, _ = after.split(f"<!-- end of part: {part} -->")
    return _with_links(text.strip(), file, "index")


def _read(app: object, docname: str, source: list[str]) -> None:
    """Take a page's text from where it stands, and have its links lead to pages."""
    file = ROOT / BORROWED.get(docname, f"docs/{docname}.md")
    if docname == "api" or not file.exists():  # written by an extension
        return
    source[0] = _with_links(file.read_text(encoding="utf-8"), file, docname)
    if docname == "index":
        for part in ("when", "idea"):
            source[0] = source[0].replace(f"{{{part}}}", _of_readme(part))


def setup(app) -> None:
    """Connect what is above."""
    app.connect("source-read", _read)
