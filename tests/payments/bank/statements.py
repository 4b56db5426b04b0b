"""Bank statements in camt.053.001.08, for tests."""

from paytrust.iso20022.messages import Message

BALANCE = (
    "<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy='MYR'>0</Amt>"
    "<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-05</Dt></Dt></Bal>"
)
CODE = "<BkTxCd/>"


def entry(
    amount: str = "11.00",
    *,
    currency: str = "MYR",
    side: str = "CRDT",
    reversal: bool = False,
    status: str = "BOOK",
    day: str = "2026-11-05",
    text: str = "",
    end_to_end: str = "NOTPROVIDED",
    details: str = "",
) -> str:
    """Return an entry; `details` stand in place of its one transaction."""
    remittance = f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf>" if text else ""
    one = f"<TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>{remittance}</TxDtls>"
    return (
        f"<Ntry><Amt Ccy='{currency}'>{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>"
        + ("<RvslInd>true</RvslInd>" if reversal else "")
        + f"<Sts><Cd>{status}</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>{CODE}"
        f"<NtryDtls>{details or one}</NtryDtls></Ntry>"
    )


def share(amount: str, text: str, *, reference: str = "") -> str:
    """Return one transaction of a batch; `reference` is the bank's."""
    refs = f"<Refs><AcctSvcrRef>{reference}</AcctSvcrRef></Refs>" if reference else ""
    return (
        f"<TxDtls>{refs}<Amt Ccy='MYR'>{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>"
        f"<RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"
    )


def statement(
    *entries: str,
    name: str = "S-1",
    account: str = "<IBAN>DE89370400440532013000</IBAN>",
    page: str = "",
) -> str:
    paged = f"<StmtPgntn><PgNb>{page}</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>"
    return (
        f"<Stmt><Id>{name}</Id>{paged if page else ''}<Acct><Id>{account}</Id></Acct>"
        f"{BALANCE}{''.join(entries)}</Stmt>"
    )


def camt(*statements: str, prefix: str = "") -> bytes:
    """Return a document; `prefix` is the namespace's in it, such as `n:`."""
    body = (
        "<BkToCstmrStmt><GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-11-05T18:00:00</CreDtTm></GrpHdr>"
        f"{''.join(statements)}</BkToCstmrStmt>"
    )
    whole = f"<Document>{body}</Document>"
    if prefix:
        whole = whole.replace("</", "\0").replace("<", f"<{prefix}").replace("\0", f"</{prefix}")
    declared = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    return whole.replace(
        "Document>", f'Document {declared}="{Message.CAMT_053_08.namespace}">', 1
    ).encode()
