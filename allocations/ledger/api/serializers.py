"""Entries of the ledger as the API shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from allocations.ledger.models import AccountKind, Posting, PostingKind, Transfer


class TransferSerializer(serializers.Serializer[Any]):
    """`quarter` is that of the pool at one end, empty if there is none; `job` is the job whose hold moved."""

    from_kind = serializers.ChoiceField(choices=AccountKind.choices)
    to_kind = serializers.ChoiceField(choices=AccountKind.choices)
    gpu_seconds = serializers.IntegerField(source="amount")
    quarter = serializers.SerializerMethodField()
    job = serializers.SerializerMethodField()

    def get_quarter(self, transfer: Transfer) -> str:
        return transfer.from_account.quarter or transfer.to_account.quarter

    def get_job(self, transfer: Transfer) -> str:
        return transfer.hold.job_code if transfer.hold else ""


class PostingSerializer(serializers.ModelSerializer[Posting]):
    """`key` names the entry; `about` is the key of the entry that it corrects or reverses."""

    kind = serializers.ChoiceField(choices=PostingKind.choices)
    allocation = serializers.CharField(source="allocation_code")
    about = serializers.SerializerMethodField()
    by = serializers.CharField(source="actor", help_text="Code of the user; empty: the system.")
    transfers = TransferSerializer(many=True)

    class Meta:
        model = Posting
        fields = [
            "key",
            "kind",
            "allocation",
            "reference",
            "about",
            "by",
            "reason",
            "posted_at",
            "transfers",
        ]
        read_only_fields = fields

    @extend_schema_field({"type": "string"})
    def get_about(self, posting: Posting) -> str:
        return posting.about.key if posting.about else ""
