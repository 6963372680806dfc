"""Templates of somebody else's: they shape the page, and neither run, read nor write anything else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import reportgen
from reportgen.comparison.diff import diff
from reportgen.errors import OptionError, OutputError
from reportgen.page.diff import render_diff
from reportgen.page.environment import LARGEST_TEMPLATE, copy_templates, our_templates
from reportgen.page.render import render, render_folder

from .command import here
from .test_codec import small_report

# each would touch the file that stands in for CANARY, or print a secret; and what the refusal says
GADGETS = {
    "a global's own globals": "{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}",
    "a helper's globals": "{{ joiner.__init__.__globals__['os'].system('touch CANARY') }}",
    "a function's globals": "{{ lipsum.__globals__['os'].system('touch CANARY') }}",
    "the template's own context": "{{ self._TemplateReference__context.environment.loader.searchpath }}",
    "a method's function": "{{ report.notices.__func__.__globals__ }}",
    "a generator's frame": "{{ (report.warnings|map('upper')).gi_frame.f_back.f_globals }}",
    "all classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "all classes, by subscripts": "{{ ''['__class__']['__mro__'][1]['__subclasses__']() }}",
    "all classes, by a filter": "{{ ''|attr('__class__')|attr('__mro__') }}",
    "all classes, by a list": "{{ [report]|map(attribute='__class__')|map(attribute='__init__.__globals__')|list }}",
    "all classes, by a group": "{{ [report]|groupby('__class__.__init__.__globals__') }}",
    "all classes, by sums": "{{ [report]|sum(attribute='__class__') }}",
    "all classes, by a format": "{{ '{0.__class__.__init__.__globals__}'.format(report) }}",
    "all classes, by a mapping": "{{ '{x.__class__.__init__.__globals__}'.format_map({'x': report}) }}",
    "a format that was renamed": "{% set f = '{0.__class__.__init__}'.format %}{{ f(report) }}",
    "a macro's function": "{% macro m() %}{% endmacro %}{{ m.__call__.__globals__ }}",
    "an undefined value": "{{ nothing.__class__ }}",
    "a loop's class": "{% for each in [1] %}{{ loop.__class__.__init__.__globals__ }}{% endfor %}",
    "an array that writes itself to a file": "{{ PICTURE.values.tofile('CANARY') }}",
    "an array that pickles itself": "{{ PICTURE.values.dump('CANARY') }}",
    "an array's view": "{{ PICTURE.values.T.tofile('CANARY') }}",
    "an array's base": "{{ PICTURE.values.base }}",
    "a number of an array": "{{ PICTURE.values[0, 0].tofile('CANARY') }}",
    "an array's memory": "{{ PICTURE.values.ctypes.data }}",
    "an array by a filter": "{{ (PICTURE.values|attr('tofile'))('CANARY') }}",
    "an array by a list": "{{ [PICTURE.values]|map('attr', 'tofile')|list|first }}",
    "an array changed": "{{ PICTURE.values.fill(0) }}",
    "an array turned": "{{ PICTURE.values.sort() }}",
    "an array's dtype": "{{ PICTURE.values.dtype.type }}",
    "an array of numbers": "{{ PICTURE.numbers().tofile('CANARY') }}",
    "a change of the data": "{{ data.clear() }}",
    "a change of a list": "{{ data.warnings.append('changed') }}",
}  # fmt: skip


@pytest.mark.parametrize("gadget", GADGETS)
def test_gadgets_do_nothing(gadget: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    text = GADGETS[gadget].replace("CANARY", str(canary)).replace("PICTURE", "report.overview.picture")
    templates = folder_with(tmp_path, "provenance.html.j2", text)
    report = small_report()
    with pytest.raises(OptionError) as caught:
        render(report, templates)
    assert not canary.exists()
    assert report == small_report()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def folder_with(tmp_path: Path, name: str, text: str) -> Path:
    """A folder of templates with one in it."""
    file = tmp_path / "templates" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return tmp_path / "templates"


def test_a_diffs_arrays_are_out_of_reach_as_well(tmp_path: Path) -> None:
    text = f"{{{{ diff.first_filters.rows[0].old.values.tofile('{tmp_path / 'canary'}') }}}}"
    with pytest.raises(OptionError):
        render_diff(diff(small_report(), small_report()), folder_with(tmp_path, "diff/figures.html.j2", text))
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "text",
    [
        "{{ report.title.upper() }} {{ report.provenance.image.width * 2 }} {{ '%s' % report.title }}",
        "{{ '{}'.format(report.title) }} {{ '{:,} {x.name}'.format(9999, x=report.provenance.model) }}",
        "{{ report.overview.picture.values.shape }} {{ (report.overview.picture|shown).width }} {{ report.notices()|length }}",
        "{% for key, value in data.items() %}{{ key }}{% endfor %} {{ data.provenance.model.name }} {{ data['title'] }}",
        "{% set found = namespace(count=0) %}{% for each in report.layers.rows %}{% set found.count = loop.index %}{% endfor %}",
        "{% set turn = cycler('a', 'b') %}{{ turn.next() }}{% set comma = joiner(', ') %}{{ comma() }}{{ [1, 2]|sum }}",
        "{{ report.layers.rows|map(attribute='path')|join(', ') }} {{ report.layers.rows|selectattr('trainable')|list|length }}",
    ],
)
def test_what_a_template_is_for_still_works(tmp_path: Path, text: str) -> None:
    assert render(small_report(), folder_with(tmp_path, "provenance.html.j2", text + " READ TO THE END"))


SECRET = "root:x:0:0"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that no page may show."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    return path


def by_another_link(link: Path, secret: Path) -> None:
    link.with_name("way").symlink_to(secret)
    link.symlink_to("way")


def by_a_linked_folder(link: Path, secret: Path) -> None:
    link.parent.rmdir()
    link.parent.symlink_to(secret.parent)
    secret.rename(secret.with_name(link.name))


LINKS: dict[str, Callable[[Path, Path], None]] = {
    "by its whole path": lambda link, secret: link.symlink_to(secret),
    "by a way up": lambda link, secret: link.symlink_to(os.path.relpath(secret, link.parent)),
    "by another link": by_another_link,
    "by a linked folder": by_a_linked_folder,
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [  # each kind of link at two places, and each place with two kinds of link
        ("by its whole path", "report.html.j2"),
        ("by its whole path", "assets/page.css"),
        ("by a way up", "captions.html.j2"),
        ("by a way up", "sections/weights/report.html.j2"),
        ("by another link", "assets/page.css"),
        ("by another link", "captions.html.j2"),
        ("by a linked folder", "report.html.j2"),
        ("by a linked folder", "sections/weights/report.html.j2"),
    ],
)
def test_no_link_out_of_the_folder_is_followed(tmp_path: Path, secret: Path, kind: str, name: str) -> None:
    link = tmp_path / "templates" / name
    if kind == "by a linked folder" and link.parent == tmp_path / "templates":
        name, link = f"linked/{name}", tmp_path / "templates" / "linked" / name
        folder_with(tmp_path, "provenance.html.j2", f"{{% include '{name}' %}}")
    link.parent.mkdir(parents=True, exist_ok=True)
    LINKS[kind](link, secret)
    for make in (render, render_folder):
        with pytest.raises(OptionError, match="not a link out of it") as caught:
            make(small_report(), tmp_path / "templates")
        assert SECRET not in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["sections/weights/diff.html.j2", "sections/filters/diff.html.j2", "diff.html.j2"])
def test_nor_for_a_comparison(tmp_path: Path, secret: Path, name: str) -> None:
    link = folder_with(tmp_path, name, "") / name
    link.unlink()
    link.symlink_to(secret)
    with pytest.raises(OptionError, match="not a link out of it"):
        render_diff(diff(small_report(), small_report()), tmp_path / "templates")


def test_a_link_that_stays_inside_and_a_linked_folder_of_ones_own_are_followed(tmp_path: Path) -> None:
    folder_with(tmp_path, "mine.j2", "MY OWN")
    (tmp_path / "templates" / "provenance.html.j2").symlink_to("mine.j2")
    (tmp_path / "link").symlink_to("templates")
    assert "MY OWN" in render(small_report(), tmp_path / "link")


@pytest.mark.parametrize(
    ("how", "name"),
    [
        ("include", "/etc/passwd"),
        ("import", "../secret"),
        ("extends", "x/../../secret"),
        ("from", "..\\\\secret"),
        ("include", "templates/../../secret"),
        ("extends", "%2e%2e/secret"),
        ("from", "../secret"),
        ("import", "/etc/passwd"),
    ],
)
@pytest.mark.usefixtures("secret")
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str, how: str) -> None:
    tag = {"import": f"import '{name}' as x", "from": f"from '{name}' import x"}.get(how, f"{how} '{name}'")
    with pytest.raises(OptionError, match="TemplateNotFound"):
        render(small_report(), folder_with(tmp_path, "provenance.html.j2", f"{{% {tag} %}}"))


def test_what_is_no_ordinary_file_is_passed_over(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "captions/x", "")
    os.mkfifo(folder / "provenance.html.j2")
    (folder / "macros.html.j2").symlink_to("/dev/zero")
    (folder / "headline.html.j2").symlink_to("nowhere")
    (folder / "base.html.j2").mkdir()
    (folder / "report.html.j2").symlink_to("report.html.j2")
    assert render(small_report(), folder) == render(small_report())


@pytest.mark.parametrize("name", ["provenance.html.j2", "assets/page.js", "sections/weights/diff.html.j2"])
@pytest.mark.parametrize("content", ["huge", "no text"])
def test_a_file_that_is_no_template_is_refused(tmp_path: Path, name: str, content: str) -> None:
    file = folder_with(tmp_path, name, "") / name
    file.write_bytes(b"\xff\xfe" if content == "no text" else b"x")
    if content == "huge":
        os.truncate(file, LARGEST_TEMPLATE + 1)
    found = diff(small_report(), small_report())
    with pytest.raises(OptionError, match=r"at most 10 MB|cannot be read") as caught:
        render_diff(found, tmp_path / "templates") if "diff" in name else render(small_report(), tmp_path / "templates")
    assert "\n" not in str(caught.value)


def test_a_template_without_end_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"RecursionError|recursion"):
        render(small_report(), folder_with(tmp_path, "provenance.html.j2", "{% include 'provenance.html.j2' %}"))


def test_copies_do_not_go_through_links(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "sections").symlink_to("../elsewhere")
    with pytest.raises(OutputError, match="a link"):
        copy_templates(tmp_path / "mine")
    assert not any((tmp_path / "elsewhere").iterdir())


def test_the_command_says_it_in_a_line(tmp_path: Path, cat: Path) -> None:
    folder = folder_with(tmp_path, "provenance.html.j2", GADGETS["a global's own globals"].replace("CANARY", "canary"))
    result = here("report", cat, "--only", "predictions", "--templates", folder, "-o", "out.html", cwd=tmp_path)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "__init__" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["templates"]


def test_both_readmes_say_what_templates_can_do() -> None:
    for readme in (our_templates() / "README.md", Path(reportgen.__file__).parent.parent / "README.md"):
        assert "stranger" in readme.read_text("utf-8")
        assert "sandbox" in readme.read_text("utf-8")
