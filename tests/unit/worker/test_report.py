"""Exceptions as they are kept."""

from jobstream.worker.report import MAX_MESSAGE, MAX_TRACEBACK, clean_text, report_error


class Awkward(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def test_nul_and_lone_surrogates_are_replaced() -> None:
    assert clean_text("a\0b\ud800c") == "a\ufffdb?c"


def test_the_middle_of_a_long_text_gives_way() -> None:
    text = clean_text("a" * 5_000 + "b" * 5_000, 1_000)
    assert len(text) < 1_000
    assert text.startswith("aaa") and text.endswith("bbb") and "[…]" in text


def test_an_error_whose_text_raises_is_kept_all_the_same() -> None:
    assert report_error(Awkward()).message == "<its text cannot be had: ValueError>"


def test_an_error_without_text_is_called_by_its_type() -> None:
    assert report_error(KeyError()).message == "KeyError"


def test_the_type_names_its_module_unless_it_is_builtin() -> None:
    assert report_error(Awkward()).type.endswith("test_report.Awkward")
    assert report_error(OSError("x")).type == "OSError"


def test_message_and_traceback_are_bounded() -> None:
    def recurse(depth: int) -> None:
        if depth == 0:
            raise LookupError("x" * 100_000)
        recurse(depth - 1)

    try:
        recurse(500)
    except LookupError as error:
        report = report_error(error)
    assert len(report.message) <= MAX_MESSAGE
    assert report.traceback is not None and len(report.traceback) <= MAX_TRACEBACK
    assert "recurse" in report.traceback
