"""Shapes of imports: a file that a merchant uploads, and what became of it."""

import base64
import binascii
from typing import Any, ClassVar, Final

from rest_framework import serializers

from gateways.fees.serializers import CurrencyField
from payments.settlement import files
from payments.settlement.models import SettlementImport
from paytrust.web.pagination import PageQuery
from paytrust.web.serializers import StrictCharField, StrictIntegerField, StrictSerializer

LONGEST_CONTENT: Final = files.PIECE_BYTES * 4 // 3 + 4  # characters


class Base64Field(StrictCharField):
    """Bytes as base64, with its padding."""

    default_error_messages: ClassVar = {"base64": "Must be base64."}

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401  # DRF's own
        super().__init__(max_length=LONGEST_CONTENT, pattern=r"^[A-Za-z0-9+/]+={0,2}$", **kwargs)

    def to_internal_value(self, data: Any) -> Any:  # noqa: ANN401  # DRF's own
        text = super().to_internal_value(data)
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            self.fail("base64")


class ImportCreateRequest(StrictSerializer):
    gateway_id = StrictIntegerField(min_value=1, help_text="of the gateway that made the file")
    file_name = StrictCharField(max_length=255, help_text="as the gateway or you call the file")
    size_bytes = StrictIntegerField(
        min_value=1, max_value=files.LARGEST_FILE, help_text="how long the whole file is"
    )
    currency = CurrencyField(required=False, help_text="of rows that name none; IDR unless given")
    content = Base64Field(
        required=False, help_text="the whole file in base64, if it fits into one piece"
    )


class PieceRequest(StrictSerializer):
    content = Base64Field(help_text="the bytes of this piece in base64")


class WithdrawalRequest(StrictSerializer):
    reason = StrictCharField(max_length=500, help_text="why the import is taken back")


class ProblemOfImport(serializers.Serializer[Any]):
    """Why an import failed."""

    code = serializers.CharField(help_text="stable, as errors of the API have it")
    detail = serializers.CharField(help_text="for people")
    details = serializers.DictField(help_text="such as the columns that are missing")


class ImportResponse(serializers.ModelSerializer[SettlementImport]):
    """One file, or one round of a gateway's list."""

    gateway_id = serializers.IntegerField(help_text="of the gateway that made the file")
    status = serializers.ChoiceField(
        choices=SettlementImport.Status.choices, help_text="how far the import is"
    )
    file_name = serializers.CharField(allow_null=True, help_text="of an uploaded file")
    sha256 = serializers.CharField(allow_null=True, help_text="of the file, once all of it is here")
    piece_bytes = serializers.SerializerMethodField(
        help_text="how long each piece of the file is, but the last"
    )
    line_count = serializers.IntegerField(help_text="rows that were read so far")
    new_count = serializers.IntegerField(help_text="rows of them that were compared and are new")
    withdraws_id = serializers.IntegerField(
        allow_null=True, help_text="the import that this one takes back"
    )
    problem = ProblemOfImport(allow_null=True, help_text="why it failed")
    imported_at = serializers.DateTimeField(help_text="when it began")

    class Meta:
        model = SettlementImport
        fields = (
            "id",
            "gateway_id",
            "source",
            "status",
            "file_name",
            "sha256",
            "piece_bytes",
            "line_count",
            "new_count",
            "withdraws_id",
            "problem",
            "imported_at",
        )
        extra_kwargs: ClassVar = {
            "source": {
                "help_text": "the gateway's list, an uploaded file, or a withdrawal of an import"
            }
        }

    def get_piece_bytes(self, made: SettlementImport) -> int:  # DRF's form
        return files.PIECE_BYTES


class ImportList(serializers.Serializer[Any]):
    results = ImportResponse(many=True, help_text="the imports of this page")
    next = serializers.URLField(allow_null=True, help_text="the page of older rows")
    previous = serializers.URLField(allow_null=True, help_text="the page of newer rows")


class ImportFilter(PageQuery):
    status = serializers.ChoiceField(
        choices=SettlementImport.Status.choices, required=False, help_text="imports in this state"
    )
