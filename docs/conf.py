"""The documentation site: Sphinx over the Markdown pages of this folder (`make docs`).

Everything a page needs lies beside it when it is built: no font, script or picture is fetched
when somebody looks at it, from a server or from a disk.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]  # docs/sitelinks.py, and the package itself

project = "InstaHide, a reproducible challenge"
html_title = "InstaHide challenge"
copyright = "the maintainers"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx_copybutton",
    "sitelinks",
]
nitpicky = True
# Nothing is fetched while the site is built, so types of other libraries have no page here.
nitpick_ignore_regex = [(r"py:.*", r"(?!instahide\.).*")]

myst_heading_anchors = 4  # the anchors that links between pages name, as GitHub makes them
myst_enable_extensions = ["colon_fence", "deflist"]

smartquotes = False  # --size stays --size

default_role = "py:obj"  # `name` in a docstring
autodoc_mock_imports = ["torch"]  # an extra: the site is built without it
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's sections say types, shapes and ranges
numpydoc_show_class_members = False

copybutton_prompt_text = "$ "

html_theme = "furo"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {
    "footer_icons": [],
    "light_css_variables": {"font-stack": "system-ui, sans-serif"},
}
