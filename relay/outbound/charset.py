"""Text of answers, in the character sets that text is in. What else Python calls a codec takes minutes (punycode), or
makes something else of it (base64, rot13, unicode_escape)."""

from __future__ import annotations

import codecs
import encodings
from encodings import normalize_encoding
from encodings.aliases import aliases
from pkgutil import iter_modules

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

LONGEST = 40  # characters of a name
_PART = 1 << 15  # bytes decoded before other work of the reactor has its turn
_MARKS = {
    "utf_16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf_32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}
_KNOWN = {
    *("ascii", "utf_8", "utf_8_sig", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le"),
    *("latin_1", *(f"iso8859_{part}" for part in range(2, 17) if part != 12)),
    *("koi8_r", "koi8_t", "koi8_u", "kz1048", "ptcp154", "tis_620", "hp_roman8"),
    *(f"cp{page}" for page in (437, 720, 737, 775, 850, 852, *range(855, 859), *range(860, 867), 869)),
    *(f"cp{page}" for page in (874, 932, 949, 950, 1006, 1125, *range(1250, 1259))),
    *("mac_roman", "mac_cyrillic", "mac_greek", "mac_latin2", "mac_turkish", "mac_iceland"),
    *("gb2312", "gbk", "gb18030", "big5", "big5hkscs", "euc_kr", "johab", "shift_jis", "shift_jisx0213"),
    *("shift_jis_2004", "euc_jp", "euc_jisx0213", "euc_jis_2004"),
}


#: all else that Python has a codec for
_TRAPS = {module.name for module in iter_modules(encodings.__path__)} - _KNOWN


def is_trap(name: str) -> bool:
    """Whether Python takes a name for a codec that is no character set."""
    return len(name) > LONGEST or _module(name) in _TRAPS


def codec(name: str) -> str:
    """Python's codec for a character set, "" for one that is not known here. Nothing is imported to find out."""
    found = _module(name)
    return found if found in _KNOWN else ""


def _module(name: str) -> str:
    name = name.strip("'\" ")
    if len(name) > LONGEST or not name.isascii():
        return ""
    normal = normalize_encoding(name).lower()
    return aliases.get(normal) or aliases.get(normal.replace(".", "_")) or normal


async def decode(clock: IReactorTime, data: bytes, codec: str, errors: str = "strict") -> str:
    """The text of some bytes, a part at a time. Raises `UnicodeDecodeError`."""
    decoder = codecs.getincrementaldecoder(_with_order(codec, data))(errors)
    parts = []
    for start in range(0, len(data), _PART):
        if start:
            await deferLater(clock, 0)
        parts.append(decoder.decode(data[start : start + _PART]))
    parts.append(decoder.decode(b"", True))
    return "".join(parts)


def _with_order(codec: str, data: bytes) -> str:
    """Text without the mark that tells the order of its bytes has the lower ones first."""
    marks = _MARKS.get(codec)
    return codec if marks is None or data.startswith(marks) else codec + "_le"
