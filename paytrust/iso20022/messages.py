"""The messages of PayTrust: each has one name, which gives its namespace and schema."""

from enum import StrEnum
from pathlib import Path

SCHEMAS = Path(__file__).parent / "xsd"


class Message(StrEnum):
    CAMT_053_08 = "camt.053.001.08"  # banks write it; the others are ours
    PAIN_001_09 = "pain.001.001.09"  # for banks that do not read version 11 yet
    PAIN_001_11 = "pain.001.001.11"
    PAIN_002_12 = "pain.002.001.12"  # belongs to pain.001.001.11

    @property
    def namespace(self) -> str:
        return f"urn:iso:std:iso:20022:tech:xsd:{self.value}"

    @property
    def schema_file(self) -> Path:
        return SCHEMAS / f"{self.value}.xsd"
