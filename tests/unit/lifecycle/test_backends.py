"""The identity of a backend, as the CLI takes it: two backends never share one, and one backend never has two."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from pulumi_cortecs.lifecycle.backends import MARK, Backend, find_backend_url, identify_backend, identify_v1_backend
from pulumi_cortecs.lifecycle.journal import ResourceKey


def project(directory: Path, backend: str = "") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "Pulumi.yaml").write_text(f"name: tests\nruntime: python\n{backend}")
    return directory


def logged_in(home: Path, url: str) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    (home / "credentials.json").write_text(json.dumps({"current": url}))
    return {"PULUMI_HOME": str(home)}


def identity(url: str, directory: Path = Path("/"), **environment: str) -> str:
    return identify_backend({**environment, "PULUMI_BACKEND_URL": url}, directory).identity


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize("url", ["https://api.pulumi.com", "http://pulumi.example", "api.pulumi.com"])
def test_two_organizations_of_a_service_are_two_backends(url: str) -> None:
    """Each may have a project and a stack of the same names, whose purchases must not mix."""
    environment = {"PULUMI_BACKEND_URL": url}
    ours, theirs, unknown = (identify_backend(environment, Path("/"), name) for name in ("Ours", "theirs", ""))
    assert len({ours.identity, theirs.identity, unknown.identity}) == 3
    assert ours == identify_backend(environment, Path("/"), "ours")
    assert ours.former_identities == theirs.former_identities == (unknown.identity,)
    keys = [ResourceKey(backend.identity, "urn", backend.former_identities) for backend in (ours, theirs, unknown)]
    assert keys[0].digest not in keys[1].digests
    assert {keys[2].digest} == keys[2].digests
    assert keys[2].digest in keys[0].digests & keys[1].digests  # what an earlier version has written is still found


@pytest.mark.parametrize("url", ["s3://bucket", "postgres://host/state"])
def test_another_backend_has_no_organizations(url: str) -> None:
    environment = {"PULUMI_BACKEND_URL": url}
    assert identify_backend(environment, Path("/"), "ours") == identify_backend(environment, Path("/"))


def test_without_any_choice_it_is_pulumis_own(tmp_path: Path) -> None:
    home = {"PULUMI_HOME": str(tmp_path)}
    assert find_backend_url(home, tmp_path) == "https://api.pulumi.com"
    assert find_backend_url({**home, "PULUMI_API": "https://pulumi.example"}, tmp_path) == "https://pulumi.example"


def test_the_environment_goes_before_project_and_login(tmp_path: Path) -> None:
    environment = logged_in(tmp_path / "home", "s3://login")
    here = project(tmp_path / "project", "backend: {url: s3://project}\n")
    assert find_backend_url({**environment, "PULUMI_BACKEND_URL": "s3://named"}, here) == "s3://named"
    assert find_backend_url(environment, here) == "s3://project"
    assert find_backend_url(environment, project(tmp_path / "plain")) == "s3://login"


def test_the_project_may_lie_above(tmp_path: Path) -> None:
    here = project(tmp_path, "backend:\n  url: file://state\n") / "src" / "deep"
    here.mkdir(parents=True)
    folder(tmp_path / "state")
    assert identify_backend({}, here).identity == identity(f"file://{tmp_path}/state")


@pytest.mark.parametrize("content", ["", "[", "backend: s3://x", "backend: {url: 7}", "- a", "backend:\n\t- x"])
def test_a_project_that_names_none_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(content)
    assert find_backend_url(logged_in(tmp_path / "home", "s3://login"), tmp_path) == "s3://login"


@pytest.mark.parametrize("content", ["", "[", "[]", '{"current": 7}', '{"current": ""}', "\xff"])
def test_a_login_that_cannot_be_read_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "credentials.json").write_text(content, encoding="latin-1")
    assert find_backend_url({"PULUMI_HOME": str(tmp_path)}, tmp_path) == "https://api.pulumi.com"


def test_a_relative_folder_is_another_one_in_each_clone(tmp_path: Path) -> None:
    for clone in ("one", "other"):
        project(tmp_path / clone)
        folder(tmp_path / clone / "state")
    assert identity("file://./state", tmp_path / "one") != identity("file://./state", tmp_path / "other")


@pytest.mark.parametrize("there", [True, False])
def test_one_folder_has_one_identity_however_it_is_spelled(tmp_path: Path, there: bool) -> None:
    if there:
        folder(tmp_path / "my state")
    (tmp_path / "link").symlink_to(tmp_path / "my state")
    here = project(tmp_path / "project")
    urls = (f"file://{tmp_path}/my state", f"file://{tmp_path}/my%20state/", f"file://{tmp_path}/link")
    urls += ("file://../my state", f"file://{tmp_path}/my%20state?metadata=skip")
    assert len({identity(url, here) for url in urls}) == 1


@pytest.mark.parametrize("url", ["file://~nobody-of-this-name/state", "file:///ring/ring", "file://\0", "file://%00"])
def test_a_folder_that_is_not_to_be_found_is_no_error(tmp_path: Path, url: str) -> None:
    (tmp_path / "ring").symlink_to("ring")
    assert identity(url.replace("/ring", f"{tmp_path}/ring", 1)).startswith("file-")


def test_a_folder_that_is_moved_stays_the_same(tmp_path: Path) -> None:
    first = folder(tmp_path / "first")
    before = identity(f"file://{first}")
    second = first.rename(tmp_path / "second")
    assert identity(f"file://{second}") == before
    # and what lies at its old place afterwards is another one
    assert identity(f"file://{folder(first)}") != before
    assert identity(f"file://{second}") == before


def test_a_folder_that_is_copied_is_two(tmp_path: Path) -> None:
    first = folder(tmp_path / "first")
    before = identity(f"file://{first}")
    second = Path(shutil.copytree(first, tmp_path / "second"))
    other = identity(f"file://{second}")
    assert other != before
    assert (identity(f"file://{first}"), identity(f"file://{second}")) == (before, other)


def test_a_copy_whose_original_is_deleted_has_been_moved(tmp_path: Path) -> None:
    first = folder(tmp_path / "first")
    before = identity(f"file://{first}")
    second = shutil.copytree(first, tmp_path / "second")
    shutil.rmtree(first)
    assert identity(f"file://{second}") == before


def test_the_mark_tells_its_name_and_place_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    first = folder(tmp_path / "first")
    name = identity(f"file://{first}")
    assert [file.name for file in first.iterdir()] == [MARK]
    assert json.loads((first / MARK).read_text()) == {"id": name.removeprefix("file-"), "place": str(first)}
    second = first.rename(tmp_path / "second")
    identity(f"file://{second}")
    assert json.loads((second / MARK).read_text())["place"] == str(second)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"id": "x", "place": "/"}', '{"id": 7, "place": "/"}', "\xff"])
def test_a_mark_that_cannot_be_read_is_left_alone_and_the_path_counts(tmp_path: Path, content: str) -> None:
    (tmp_path / MARK).write_text(content, encoding="latin-1")
    backend = identify_backend({"PULUMI_BACKEND_URL": f"file://{tmp_path}"}, tmp_path)
    assert backend == Backend(backend.identity)
    assert (tmp_path / MARK).read_text(encoding="latin-1") == content


def test_an_unwritable_folder_is_known_by_its_path_and_later_its_mark(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("no folder, so that nobody can write into it")
    by_path = identity(f"file://{state}")
    state.unlink()
    backend = identify_backend({"PULUMI_BACKEND_URL": f"file://{folder(state)}"}, tmp_path)
    assert backend.identity != by_path
    assert backend.former_identities == (by_path,)


def test_many_who_mark_a_folder_at_once_agree(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(identity, [f"file://{tmp_path}"] * 64))) == 1
    assert [file.name for file in tmp_path.iterdir()] == [MARK]


SAME = [
    ("s3://bucket", "s3://Bucket/", "s3://bucket?region=us-east-1&awssdk=v2&profile=me&s3ForcePathStyle=true"),
    ("s3://bucket/a b", "s3://bucket/a%20b/", "s3://bucket/a%20b?unknown=token"),
    (
        "s3://bucket?endpoint=http://127.0.0.1:9000",
        "s3://bucket/?region=eu&endpoint=127.0.0.1:9000&disableSSL=true",
        "s3://bucket?endpoint=http%3A%2F%2Fme:word@127.0.0.1%3A9000%2F",
    ),
    ("s3://bucket?endpoint=https://Minio.example", "s3://bucket?endpoint=https://minio.example:443/"),
    ("s3://bucket?prefix=a", "s3://bucket?prefix=a/"),
    ("azblob://box?storage_account=acme", "azblob://box/?storage_account=acme&sv=2024&sig=SAS"),
    ("gs://bucket", "gs://bucket/?private_key_path=/key"),
    (
        "postgres://me:old@db.example/states?sslmode=disable",
        "postgresql://you:new@DB.example:5432/states/",
        "postgres://db.example/states?password=word&user=me",
        "postgres:///states?host=db.example&port=5432",
    ),
    ("postgres://states@db.example", "postgres://states:word@db.example/states"),
    ("https://api.pulumi.com", "https://API.pulumi.com/", "https://user:word@api.pulumi.com:443?token=x"),
]


@pytest.mark.parametrize("urls", SAME)
def test_one_backend_has_one_identity_however_its_url_is_spelled(urls: tuple[str, ...]) -> None:
    assert len({identity(url) for url in urls}) == 1


def test_what_differs_in_its_place_is_another_backend() -> None:
    urls = [spellings[-1] for spellings in SAME if "states@db.example" not in spellings[0]]
    urls += ["s3://other", "gs://other", "s3://bucket?endpoint=http://127.0.0.1:9001", "s3://bucket?prefix=b"]
    urls += ["azblob://box?storage_account=other", "azblob://box?storage_account=acme&domain=blob.example"]
    urls += ["postgres://db.example:5433/states", "postgres://db.example/states?table=mine"]
    urls += ["postgres://db.example/states?search_path=mine", "postgres://other@db.example"]
    assert len({identity(url) for url in urls}) == len(urls)


def test_what_the_url_leaves_to_the_environment_counts() -> None:
    endpoint = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"}
    assert identity("s3://bucket", **endpoint) == identity("s3://bucket?endpoint=http://127.0.0.1:9000")
    assert identity("azblob://box", AZURE_STORAGE_ACCOUNT="acme") == identity("azblob://box?storage_account=acme")
    assert identity("postgres:///states", PGHOST="db.example") == identity("postgres://db.example/states")
    assert identity("postgres://db.example/states", PGHOST="other", PGDATABASE="other") == identity(
        "postgres://db.example/states"
    )
    backend = identify_backend({**endpoint, "PULUMI_BACKEND_URL": "s3://bucket"}, Path("/"))
    assert backend.former_identities == (identity("s3://bucket"),)


@pytest.mark.parametrize(
    "url", ["postgres://me:p#ss@db/x", "s3://[::1", "postgres://h:99999/x", "s3://b?endpoint=[", ""]
)
def test_what_is_no_url_has_an_identity_all_the_same(url: str) -> None:
    assert identify_v1_backend(url)
    assert identity(url)


def test_no_secret_and_no_host_is_in_an_identity() -> None:
    for url in [url for urls in SAME for url in urls]:
        scheme, _, digest = identity(url).partition("-")
        assert scheme in url
        assert len(digest) == 32
        assert set(digest) <= set("0123456789abcdef")


def test_what_the_first_journal_noted_is_found_again(tmp_path: Path) -> None:
    state = folder(tmp_path / "state")
    assert identify_v1_backend(f"file://some-host.local{state}") == identity(f"file://{state}")
    gone = tmp_path / "gone"
    former = identify_v1_backend(f"file://some-host.local{gone}")
    assert former == identify_v1_backend(f"file://another-host{gone}")
    assert former in identify_backend({"PULUMI_BACKEND_URL": f"file://{folder(gone)}"}, tmp_path).former_identities
    with_secrets = "postgres://me:word@db.example/states?sslmode=disable"
    assert identify_v1_backend(with_secrets) == identity("postgres://db.example/states")


def test_the_home_is_the_one_of_the_environment(tmp_path: Path) -> None:
    home = folder(tmp_path / "home")
    assert identity("file://~/state", HOME=str(home)) == identity(f"file://{home}/state")
    assert identity("file://~", HOME=str(home)) == identity(f"file://{home}")
    logged_in(home / ".pulumi", "s3://login")
    assert find_backend_url({"HOME": str(home)}, tmp_path) == "s3://login"
    named = identity("file://~/no-such-folder-of-ours")
    assert named == identity(f"file://{os.path.realpath(os.path.expanduser('~'))}/no-such-folder-of-ours")
