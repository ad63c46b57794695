"""What the documents show of the examples is what the examples are."""

from tests.examples.readme import ROOT, blocks

EXAMPLES = [path.read_text() for path in (ROOT / "examples").glob("*_app.py")]


def test_application_of_the_readme_is_the_example_that_is_tested() -> None:
    [shown] = [
        block.text
        for block in blocks((ROOT / "README.md").read_text())
        if block.section == "Inside your own application"
    ]

    assert any(shown in example for example in EXAMPLES)


def test_code_of_the_document_on_embedding_stands_in_an_example_that_is_tested() -> None:
    shown = [
        block.text for block in blocks((ROOT / "docs/embedding.md").read_text()) if block.language == "python"
    ]

    assert len(shown) == 5
    for text in shown:
        assert any(text in example for example in EXAMPLES), text
