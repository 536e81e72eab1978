"""The settings of the site, read from the environment once; secrets may come from files (``NAME_FILE``)."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from limbeck.errors import LimbeckError, printable
from limbeck.studio.roles import Role
from limbeck.studio.sign_on.settings import SignOnSettings

PREFIX = "LIMBECK_"
LARGEST_SECRET = 65536  # bytes of a file with a secret


class Config(SignOnSettings):
    """All settings. The name of a variable is ``LIMBECK_`` and the name of the field; see docs/studio.md."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, env_parse_none_str="none")

    home: Path = Field(default_factory=lambda: Path.home() / ".limbeck", description="data folder")
    database_url: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("DATABASE_URL", "LIMBECK_DATABASE_URL"),
        description="sqlite:///FILE, mysql://… or postgresql://…; by default SQLite in the data folder",
    )
    secret_key: SecretStr = Field(default=SecretStr(""), description="signs sessions; made at the first start")
    audit_key: SecretStr = Field(default=SecretStr(""), description="keys the audit chain; made at the first start")
    column_keys: SecretStr = Field(
        default=SecretStr(""),
        description="encrypt phone numbers and e-mail addresses; the first of several, older behind",
    )
    public_url: str = Field(default="", description="address that people type, https://studio.example.org")
    behind_proxy: bool = Field(default=False, description="trust X-Forwarded-For and X-Forwarded-Proto")
    registration: Literal["open", "invited"] = Field(default="open", description="who may register")
    new_role: Role = Field(default=Role.OPERATOR, description="role of those who register by themselves")
    language: Literal["en", "zh-hans"] = Field(default="en", description="language where the browser names none")
    time_zone: str = Field(default="UTC", description="a name such as Asia/Shanghai")
    email_url: SecretStr = Field(default=SecretStr(""), description="smtp://USER:PASSWORD@HOST:PORT, smtps://…")
    email_from: str = Field(default="limbeck@localhost", description="sender of e-mail")
    session_hours: int = Field(default=12, ge=1, le=24 * 30, description="hours until a session ends")
    upload_megabytes: int = Field(default=512, ge=1, le=16384, description="size of an upload at most")
    lease_seconds: int = Field(default=30, ge=2, le=3600, description="a job whose worker is silent so long is retried")
    retention_days: int = Field(default=0, ge=0, le=36500, description="days that items and answers are kept; 0: all")
    web_processes: int = Field(default=2, ge=1, le=64, description="processes that answer requests")

    internal_hosts: str = Field(
        default="", description="hosts inside the own network that notices may go to, e.g. chat.lan,10.0.0.5:8080"
    )
    second_opinion_url: str = Field(
        default="", description="OpenAI-compatible endpoint that this site runs itself, e.g. http://llm.lan:8000/v1"
    )
    second_opinion_model: str = Field(default="", description="the model that it is asked for")
    second_opinion_key: SecretStr = Field(default=SecretStr(""), description="its key, sent as a bearer token")
    second_opinion_daily: int = Field(default=500, ge=0, description="requests to it in a day at most")
    second_opinion_after: bool = Field(default=False, description="ask it by itself after a person has answered")

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, value: str) -> str:
        value = value.rstrip("/")
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("begin it with https:// or http://")
        return value

    @property
    def https(self) -> bool:
        """Whether people reach the site by HTTPS."""
        return self.public_url.startswith("https://")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic names it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments, then the environment, then files that the environment names."""
        return init_settings, env_settings, FileSource(settings_cls)


class FileSource(PydanticBaseSettingsSource):
    """Values that stand in files: ``LIMBECK_SECRET_KEY_FILE=/run/secrets/key``."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the first line of the file that the environment names for a field; None where it names none."""
        alias = field.validation_alias
        names = [str(name) for name in alias.choices] if isinstance(alias, AliasChoices) else []
        for name in [*names, PREFIX + field_name.upper()]:
            if path := os.environ.get(f"{name}_FILE"):
                try:
                    with Path(path).open("rb") as file:
                        return (
                            file.read(LARGEST_SECRET).decode("utf-8").strip(),
                            names[0] if names else field_name,
                            False,
                        )
                except (OSError, UnicodeDecodeError) as error:
                    raise LimbeckError("cannot be read", where=f"{name}_FILE", fix="check the path") from error
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return all values found."""
        found = (self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items())
        return {key: value for value, key, _ in found if value is not None}


@cache
def config() -> Config:
    """Return the settings of this process.

    Raises
    ------
    LimbeckError
        For a value that is not valid, with the name of its variable.
    """
    try:
        found = Config()
    except SettingsError as error:
        field = re.search(r'field "(\w+)"', str(error))
        where = PREFIX + field[1].upper() if field else None
        raise LimbeckError("is not JSON", where=where, fix='write e.g. {"admins": "administrator"}') from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0])
        where = name if name.isupper() else PREFIX + name.upper()
        raise LimbeckError(printable(first["msg"]), where=where, fix="see docs/studio.md") from error
    found.check()
    return found
