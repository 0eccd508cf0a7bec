"""The Confluent Schema Registry's bodies, as far as this registry reads them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class SentReference(BaseModel):
    """A version that a schema builds on; -1 stands for the newest."""

    model_config = ConfigDict(extra="ignore")

    name: str = Field(min_length=1, max_length=1000)
    subject: str = Field(min_length=1, max_length=255)
    version: int = Field(ge=-1, le=2**31 - 1)


class SentSchema(BaseModel):
    """A schema that a client registers, looks for or tries; clients send more, which is not read."""

    # the other end is somebody else's program, which learns new words before this registry does
    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    text: str = Field(alias="schema")
    type: str | None = Field(default=None, alias="schemaType")
    references: list[SentReference] | None = None
    metadata: dict[str, Any] | None = None
    rules: dict[str, Any] | None = Field(default=None, alias="ruleSet")


class SentCompatibility(BaseModel):
    """Which changes are to be allowed."""

    model_config = ConfigDict(extra="ignore")

    compatibility: str


class SentMode(BaseModel):
    """Whether schemas are to be taken."""

    model_config = ConfigDict(extra="ignore")

    mode: str


class RegistryQuery(BaseModel):
    """What clients say in the query of any of the registry's addresses."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    form: str = Field(default="", alias="format", max_length=40)
    deleted: bool = False
    deleted_alone: bool = Field(default=False, alias="deletedOnly")
    permanent: bool = False
    normalize: bool = False
    verbose: bool = False
    by_default: bool = Field(default=False, alias="defaultToGlobal")
    subject: str | None = Field(default=None, max_length=255)
    prefix: str = Field(default="", alias="subjectPrefix", max_length=255)
    offset: int = Field(default=0, ge=0, le=2**31 - 1)
    limit: int = Field(default=-1, ge=-1, le=2**31 - 1)
