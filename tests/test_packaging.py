"""The wheel holds all that a user needs, and works far from the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import pytest

import calcigram

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def constraints(name: str = "constraints.txt") -> dict[str, str]:
    lines = (ROOT / name).read_text().split()
    return {
        name.lower().replace("_", "-"): version
        for name, _, version in (li.partition("==") for li in lines)
    }


def test_every_dependency_is_pinned_inside_its_range():
    from packaging.requirements import Requirement

    groups = [
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
    ]
    pins = constraints()
    for text in (*chain.from_iterable(groups), *PROJECT["build-system"]["requires"]):
        requirement = Requirement(text)
        if requirement.name == "calcigram":
            continue
        assert requirement.specifier.contains(pins[requirement.name.lower()]), text


def test_the_oldest_constraints_are_the_lower_bounds():
    """`make test-oldest` tests what it says only if every dependency of a user is pinned to its bound."""
    from packaging.requirements import Requirement

    extras = PROJECT["project"]["optional-dependencies"]
    texts = [*PROJECT["project"]["dependencies"]]
    texts += chain.from_iterable(
        extras[name] for name in ("dicom", "formats", "images", "server", "scale", "notebooks")
    )
    bounds = {}
    for requirement in map(Requirement, texts):
        if requirement.name == "calcigram":
            continue
        (bound,) = (s.version for s in requirement.specifier if s.operator == ">=")
        bounds[requirement.name.lower()] = bound
    assert constraints("constraints-oldest.txt") == bounds


def test_pythons_that_no_dependency_excludes_are_allowed():
    from packaging.specifiers import SpecifierSet

    allowed = SpecifierSet(PROJECT["project"]["requires-python"])
    versions = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
    assert [allowed.contains(version) for version in versions] == [False, *[True] * 4, False]


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-oldest.txt"])
def test_constraints_name_no_address(name):
    text = (ROOT / name).read_text()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in text.split())


def test_the_version_stands_in_one_place_and_the_citation_agrees():
    assert "version" in PROJECT["project"]["dynamic"]
    assert f"\nversion: {calcigram.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_zenodo_says_what_the_citation_says():
    import yaml

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    zenodo = json.loads((ROOT / ".zenodo.json").read_text())
    assert zenodo["title"] == citation["title"]
    assert zenodo["description"] == citation["abstract"]
    assert zenodo["creators"] == citation["authors"]
    assert zenodo["license"] == citation["license"] == PROJECT["project"]["license"]
    assert zenodo["keywords"] == citation["keywords"]
    assert set(zenodo["keywords"]) <= set(PROJECT["project"]["keywords"])


def test_a_release_tag_is_the_version():
    """docs/releasing.md: CI of a tag fails where the tag and `__version__` differ."""
    tags = subprocess.run(
        ["git", "tag", "--points-at", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    releases = [tag for tag in tags if re.match(r"v\d", tag)]
    assert releases in ([], [f"v{calcigram.__version__}"])


def test_the_changelog_has_a_section_for_the_version():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased" or headings[0].startswith(calcigram.__version__)
    assert any(heading.split()[0] == calcigram.__version__ for heading in headings)


def test_the_workflow_runs_the_gate_on_each_python_that_is_allowed():
    import yaml
    from packaging.specifiers import SpecifierSet

    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    gate, oldest = workflow["jobs"]["all"], workflow["jobs"]["oldest"]
    assert [step.get("run") for step in gate["steps"]][-2:] == [".ci/run", None]
    assert gate["steps"][-1]["with"]["path"] == "out"  # the screenshots that tests take
    assert oldest["steps"][-1]["run"] == "make test-oldest"
    site = workflow["jobs"]["site"]["steps"][-2]
    assert (site["run"], site["timeout-minutes"]) == ("make site", 5)
    assert workflow["jobs"]["dist"]["steps"][-1]["run"] == "make dist"
    allowed = SpecifierSet(PROJECT["project"]["requires-python"])
    tested = gate["strategy"]["matrix"]["python"]
    assert tested == [v for v in (f"3.{minor}" for minor in range(20)) if allowed.contains(v)]


def test_every_public_name_is_there_and_is_no_module():
    for name in calcigram.__all__:
        value = getattr(calcigram, name)
        assert callable(value), name
        assert value.__name__ == name


def test_a_submodule_of_the_same_name_never_hides_a_function():
    code = (
        "import calcigram.simulate.generator, calcigram.classify, calcigram.crosscheck\n"
        "from calcigram.simulate import simulate\n"
        "assert calcigram.simulate is simulate\n"
        "assert callable(calcigram.classify) and callable(calcigram.crosscheck)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="No calcigram attribute diagnose"):
        calcigram.diagnose  # noqa: B018


def test_the_makefile_explains_itself():
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "coverage", "test-oldest", "hooks", "types"} <= set(targets)
    for target in targets:
        assert re.search(rf"^  {target} +\w", done.stdout, re.MULTILINE), target


def built(source, folder, target):
    """Return the file of a target, wheel or sdist, that hatchling builds in a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, text=True)
    (path,) = folder.glob({"wheel": "*.whl", "sdist": "*.tar.gz"}[target])
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return a copy of what git holds, as a stranger's clone would."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    if not names:
        pytest.skip("not a git checkout")
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    return source


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    return built(source, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture
def far(wheel, tmp_path):
    """Return a function that runs Python in an empty folder, with calcigram from the wheel."""
    site, work = tmp_path / "site", tmp_path / "work"
    zipfile.ZipFile(wheel).extractall(site)
    work.mkdir()
    environment = os.environ | {"PYTHONPATH": str(site), "NUMBA_CACHE_DIR": str(tmp_path / "numba")}

    def python(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=work, env=environment, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert python("-c", "import calcigram; print(calcigram.__file__)").startswith(str(site))
    return python


@pytest.mark.slow
def test_the_sdist_passes_the_checks_of_an_index_and_makes_the_same_wheel(source, wheel, tmp_path):
    sdist = built(source, tmp_path, "sdist")
    subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", str(sdist)],
        check=True, capture_output=True,
    )  # fmt: skip
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    again = built(tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path, "wheel")
    contents = [
        {info.filename: info.CRC for info in zipfile.ZipFile(path).infolist()}
        for path in (wheel, again)
    ]
    assert contents[0] == contents[1]


@pytest.mark.slow
@pytest.mark.timeout(1800)  # it compiles all kernels and trains
def test_the_demo_runs_from_the_wheel_alone_without_network(far, tmp_path):
    offline = re.search(
        r"^define OFFLINE\n(.*?)^endef", (ROOT / "Makefile").read_text(), re.M | re.S
    )
    far("-c", offline[1])
    assert (tmp_path / "work/demo/report.html").stat().st_size > 50_000


@pytest.mark.slow
def test_the_wheel_passes_the_checks_of_an_index(wheel):
    for check in (["twine", "check", "--strict"], ["check_wheel_contents"]):
        command = [sys.executable, "-m", *check, str(wheel)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_wheel_holds_model_samples_rules_and_templates(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "calcigram/_shipped/models/default/forest.npz",
        "calcigram/_shipped/models/default/model.json",
        "calcigram/_shipped/data/sample_clusters.csv",
        "calcigram/_shipped/data/cbis_ddsm_counts.csv",
        "calcigram/rulebooks/recognition.toml",
        "calcigram/rulebooks/article.toml",
        "calcigram/templates/report.html.j2",
        "calcigram/py.typed",
    ):
        assert needed in names
    assert not [name for name in names if name.startswith(("tests/", "data/"))]
    assert wheel.stat().st_size < 12_000_000


@pytest.mark.slow
def test_the_wheel_classifies_its_samples_far_from_the_checkout(far, tmp_path):
    sample = far("-c", "from calcigram.cli.demo import sample_clusters; print(sample_clusters())")
    sample = sample.strip()
    assert sample.startswith(str(tmp_path / "site"))
    far("-m", "calcigram", "classify", sample, "-o", "verdicts.csv")
    header, *rows = (tmp_path / "work/verdicts.csv").read_text().splitlines()
    assert header.startswith("cluster_id,n_calcifications,size_class,distribution,")
    assert len(rows) == 24
    assert "1,045 lesions" in far("-m", "calcigram", "rules", "check")
