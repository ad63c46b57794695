"""The benchmarks start."""

import importlib

import pytest

from tests.examples.readme import ROOT

BENCHES = sorted(path.stem for path in (ROOT / "bench").glob("*.py") if "__main__" in path.read_text())


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_starts_and_says_how_to_run_it(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"bench.{name}").main()
    assert ended.value.code == 0
    assert f"python -m bench.{name}" in capsys.readouterr().out
