import pytest

from jobstream.errors import SettingsError
from jobstream.settings import Settings, is_loopback, load_settings


def test_an_empty_environment_sets_nothing() -> None:
    assert load_settings({}) == Settings()
    assert load_settings({"JOBSTREAM_DATABASE_URL": ""}).database_url is None


def test_every_setting_is_read() -> None:
    settings = load_settings(
        {
            "JOBSTREAM_DATABASE_URL": "postgresql+asyncpg://u@h/d",
            "JOBSTREAM_LISTEN_URL": "postgres://u@h:5433/d",
            "JOBSTREAM_AUTH": "off",
            "JOBSTREAM_SECRET_KEY": "k" * 32,
            "JOBSTREAM_HOST": "0.0.0.0",
            "JOBSTREAM_PORT": "0",
            "JOBSTREAM_POOL_SIZE": "4",
            "JOBSTREAM_HEARTBEAT_SECONDS": "2.5",
            "JOBSTREAM_EVENT_RETENTION_DAYS": "3",
            "JOBSTREAM_CORS_ORIGINS": "https://a.example/, http://b.example:8080",
            "JOBSTREAM_DRAIN_SECONDS": "0",
            "JOBSTREAM_URL": "http://localhost:8000/",
            "JOBSTREAM_TOKEN": "jst_x",
        }
    )
    assert settings == Settings(
        database_url="postgresql+asyncpg://u@h/d",
        listen_url="postgres://u@h:5433/d",
        auth="off",
        secret_key="k" * 32,
        host="0.0.0.0",
        port=0,
        pool_size=4,
        heartbeat_seconds=2.5,
        event_retention_days=3,
        cors_origins=("https://a.example", "http://b.example:8080"),
        drain_seconds=0,
        url="http://localhost:8000",
        token="jst_x",
    )


def test_what_the_command_line_says_goes_first() -> None:
    assert load_settings({"JOBSTREAM_PORT": "1"}, port=2).port == 2
    assert load_settings({"JOBSTREAM_PORT": "1"}, port=None).port == 1


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(
            {
                "JOBSTREAM_DATABASE_URL": "mysql://x",
                "JOBSTREAM_AUTH": "maybe",
                "JOBSTREAM_PORT": "70000",
                "JOBSTREAM_POOL_SIZE": "many",
                "JOBSTREAM_HEARTBEAT_SECONDS": "nan",
                "JOBSTREAM_SECRET_KEY": "short",
                "JOBSTREAM_CORS_ORIGINS": "example.org",
                "JOBSTREAM_URL": "localhost:8000",
            },
            colour="red",
        )
    assert [fault.split()[0] for fault in caught.value.faults] == [
        "JOBSTREAM_DATABASE_URL",
        "JOBSTREAM_AUTH",
        "JOBSTREAM_SECRET_KEY",
        "JOBSTREAM_PORT",
        "JOBSTREAM_POOL_SIZE",
        "JOBSTREAM_HEARTBEAT_SECONDS",
        "JOBSTREAM_CORS_ORIGINS",
        "JOBSTREAM_URL",
        "colour",
    ]


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("example.org", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, own: bool) -> None:
    assert is_loopback(host) is own
