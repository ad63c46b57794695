"""What the indexer reads of a folder and of a file: bounded, and never stuck."""

import hashlib
import os
from pathlib import Path

import pytest

from examples.indexer import files
from examples.indexer.files import list_files, read_facts


def names(folder: Path, most: int = 100) -> list[str]:
    return [str(path.relative_to(folder)) for path in list_files(folder, most=most)]


def test_files_and_links_to_them_are_listed_without_hidden_folders_and_caches(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.txt", ".git/config", "a/__pycache__/x.pyc", ".hidden.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link.txt").symlink_to("b.txt")

    assert names(tmp_path) == [".hidden.txt", "b.txt", "link.txt", "a/c.txt"]


def test_link_to_nowhere_is_listed_and_its_reading_fails(tmp_path: Path) -> None:
    (tmp_path / "gone.txt").symlink_to("nowhere")

    (path,) = list_files(tmp_path, most=10)

    with pytest.raises(FileNotFoundError):
        read_facts(path)


def test_what_would_block_a_reader_or_go_in_circles_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path)
    (tmp_path / "no\ntext").touch()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).touch()

    assert names(tmp_path) == []


def test_list_stops_at_its_bound(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.txt").touch()

    assert names(tmp_path, most=3) == ["0.txt", "1.txt", "2.txt"]


def test_text_is_counted_like_wc_does(tmp_path: Path) -> None:
    text = "one two\n three\tfour \n\nfive"
    (tmp_path / "a.MD").write_text(text)

    facts = read_facts(tmp_path / "a.MD")

    assert (facts.lines, facts.words, facts.bytes) == (3, 5, len(text))
    assert facts.type == "md"
    assert facts.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert facts.whole is True


def test_words_across_chunks_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK", 4)
    (tmp_path / "a").write_text("ab cdefgh ij  klm\nnop q")

    assert read_facts(tmp_path / "a").words == len(b"ab cdefgh ij  klm\nnop q".split())


def test_binary_has_no_lines_and_a_large_file_is_read_up_to_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK", 10)
    monkeypatch.setattr(files, "MOST_BYTES_A_FILE", 20)
    (tmp_path / "data.so.6").write_bytes(b"\0" * 100)

    facts = read_facts(tmp_path / "data.so.6")

    assert (facts.type, facts.lines, facts.bytes, facts.whole) == ("binary", None, 20, False)
